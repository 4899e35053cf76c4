"""pytest-rabbitmq's own fixtures, on whatever its rabbitmq-server is."""

import os

from pytest_rabbitmq import factories

RIG = os.environ["RIG"]
rabbitmq_proc = factories.rabbitmq_proc(
    server=f"{RIG}/rabbitmq-server", ctl=f"{RIG}/rabbitmqctl", port=None)
rabbitmq = factories.rabbitmq("rabbitmq_proc")
second_proc = factories.rabbitmq_proc(
    server=f"{RIG}/rabbitmq-server", ctl=f"{RIG}/rabbitmqctl", port=None)
second = factories.rabbitmq("second_proc")


def test_things_are_declared_and_listed(rabbitmq, rabbitmq_proc):
    channel = rabbitmq.channel()
    channel.queue_declare("kept", durable=True)
    channel.exchange_declare("news", "fanout")
    channel.queue_bind("kept", "news")
    channel.basic_publish("news", "", b"hello")
    assert "kept" in rabbitmq_proc.list_queues()
    assert "news" in rabbitmq_proc.list_exchanges()
    assert channel.basic_get("kept", auto_ack=True)[2] == b"hello"


def test_they_are_cleared_afterwards(rabbitmq, rabbitmq_proc):
    assert "kept" not in rabbitmq_proc.list_queues()
    assert "news" not in rabbitmq_proc.list_exchanges()


def test_a_second_broker_is_another(rabbitmq, second, rabbitmq_proc,
                                    second_proc):
    rabbitmq.channel().queue_declare("mine")
    assert "mine" in rabbitmq_proc.list_queues()
    assert "mine" not in second_proc.list_queues()
