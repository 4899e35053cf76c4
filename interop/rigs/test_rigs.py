"""What test rigs and frameworks do, with the real libraries."""

import os
import socket
import subprocess
import time

import amqp
import kombu
import pika
import pytest

RIG = os.environ["RIG"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Server:
    """rabbitmq-server by its environment, as a container's is."""

    def __init__(self, folder, **variables):
        self.port = free_port()
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("RABBITMQ_", "LEVERET_"))}
        self.env.update({
            "RABBITMQ_NODENAME": "rig@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_CONFIG_FILE": f"{folder}/none.conf",
            "RABBITMQ_CONFIG_FILES": f"{folder}/conf.d"}, **variables)
        self.log = open(f"{folder}/log", "w+")
        self.process = subprocess.Popen([f"{RIG}/rabbitmq-server"],
                                        env=self.env, stdout=self.log)

    def ask(self, *words):
        return subprocess.run([f"{RIG}/{words[0]}", *words[1:]], env=self.env,
                              check=True, capture_output=True, text=True).stdout

    def await_startup(self):
        """As pika's CI: in a loop, until there is a node to be asked."""
        until = time.monotonic() + 60
        while subprocess.run([f"{RIG}/rabbitmqctl", "await_startup"],
                             env=self.env, capture_output=True).returncode:
            assert time.monotonic() < until
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(30) == 0
        self.log.close()


@pytest.fixture
def server(tmp_path):
    s = Server(tmp_path)
    yield s
    s.stop()


def await_pika(parameters):
    """testcontainers-python: readiness_probe, retried on these errors."""
    until = time.monotonic() + 60
    while True:
        try:
            with pika.BlockingConnection(parameters) as connection:
                if connection.is_open:
                    return
        except (pika.exceptions.IncompatibleProtocolError,
                pika.exceptions.AMQPConnectionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def test_testcontainers_python_connects_until_it_is_there(tmp_path):
    s = Server(tmp_path, RABBITMQ_DEFAULT_USER="me", RABBITMQ_DEFAULT_PASS="p",
               RABBITMQ_DEFAULT_VHOST="shop")
    try:
        parameters = pika.ConnectionParameters(
            "127.0.0.1", s.port, "shop", pika.PlainCredentials("me", "p"))
        await_pika(parameters)
        with pika.BlockingConnection(parameters) as connection:
            channel = connection.channel()
            channel.queue_declare("hello")
            channel.basic_publish("", "hello", b"Hello World!")
            assert channel.basic_get("hello", True)[2] == b"Hello World!"
    finally:
        s.stop()


def test_kombu_knows_it_for_rabbitmq(server):
    server.await_startup()
    assert server.ask("rabbitmq-diagnostics", "ping", "-q") == \
        "Ping succeeded\n"
    url = f"amqp://guest:guest@127.0.0.1:{server.port}//"
    with kombu.Connection(url) as connection:
        connection.ensure_connection(max_retries=1)
        properties = connection.connection.server_properties
        assert properties["product"] == "RabbitMQ"
        # Celery asks for the scope of prefetch by this.
        assert connection.qos_semantics_matches_spec is False
        news = kombu.Exchange("news", "topic", durable=True)
        queue = kombu.Queue("celery", news, routing_key="a.#", durable=True,
                            max_priority=10, message_ttl=60.0,
                            queue_arguments={"x-queue-type": "classic"})
        got = []
        with connection.Producer() as producer:
            producer.publish({"n": 1}, exchange=news, routing_key="a.b",
                             declare=[queue], priority=5, retry=True)
        with connection.Consumer([queue], callbacks=[
                lambda body, message: (got.append(body), message.ack())]):
            while not got:
                connection.drain_events(timeout=20)
        assert got == [{"n": 1}]


def test_kombu_quorum_with_native_delays(server):
    from kombu.transport.native_delayed_delivery import (
        bind_queue_to_native_delayed_delivery_exchange,
        calculate_routing_key, declare_native_delayed_delivery_exchanges_and_queues,
        level_name)
    server.await_startup()
    url = f"amqp://guest:guest@127.0.0.1:{server.port}//"
    with kombu.Connection(url) as connection:
        declare_native_delayed_delivery_exchanges_and_queues(
            connection, "quorum")
        queue = kombu.Queue("work", kombu.Exchange("work", "topic"),
                            routing_key="work",
                            queue_arguments={"x-queue-type": "quorum"})
        channel = connection.channel()
        queue(channel).declare()
        bind_queue_to_native_delayed_delivery_exchange(connection, queue)
        with connection.Producer() as producer:
            producer.publish("later", exchange=level_name(27),
                             routing_key=calculate_routing_key(1, "work"))
        got = []
        with connection.Consumer([queue], callbacks=[
                lambda body, message: (got.append(body), message.ack())]):
            while not got:
                connection.drain_events(timeout=30)
        assert got == ["later"]
    queues = server.ask("rabbitmqctl", "-q", "list_queues", "name", "type")
    assert queues.count("celery_delayed_") == 28


def test_py_amqp_gets_its_vhosts(server):
    server.await_startup()
    for vhost in ("gw0", "gw1"):
        server.ask("rabbitmqctl", "add_vhost", vhost)
        server.ask("rabbitmqctl", "set_permissions", "-p", vhost, "guest",
                   ".*", ".*", ".*")
        with amqp.Connection(f"127.0.0.1:{server.port}", "guest", "guest",
                             virtual_host=vhost,
                             confirm_publish=True) as connection:
            channel = connection.channel()
            channel.queue_declare("q", auto_delete=False)
            channel.basic_publish(amqp.Message("body"), routing_key="q")
            assert channel.basic_get("q", no_ack=True).body == "body"
            channel.queue_delete("missing")  # no error, as RabbitMQ
