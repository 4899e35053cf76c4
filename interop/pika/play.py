"""play.py - the interop list in pika: one line per case, then the totals."""

import datetime
import decimal
import hashlib
import os
import random
import signal
import socket
import sys
import threading
import time

import pika
import pika.exceptions

URL = sys.argv[1]
PATIENCE = 30  # seconds without any progress before a case gives up
CASE_LIMIT = 6 * PATIENCE
PERSISTENT = pika.BasicProperties(delivery_mode=2)
PREFIX = "interop.pika.%d." % os.getpid()

cases = []
created = []  # durable queues and exchanges to take away at the end


class Failed(Exception):
    """A case saw something other than what must be true."""


def case(name):
    def add(function):
        cases.append((name, function))
        return function

    return add


def check(truth, why):
    if not truth:
        raise Failed(why)


def equal(seen, wanted, what):
    check(seen == wanted, "%s: %r instead of %r" % (what, seen, wanted))


def parameters(**changes):
    result = pika.URLParameters(URL)
    result.socket_timeout = result.blocked_connection_timeout = PATIENCE
    for name, value in changes.items():
        setattr(result, name, value)
    return result


def within(seconds):
    """Fails the case if it says nothing more for so long; pika itself would
    wait for a confirm for ever."""
    signal.alarm(seconds)


def too_late(*_):
    raise Failed("waited in vain for an answer")


def connect(**changes):
    return pika.BlockingConnection(parameters(**changes))


def durable_queue(channel, name):
    channel.queue_declare(PREFIX + name, durable=True)
    created.append(("queue", PREFIX + name))
    return PREFIX + name


def durable_exchange(channel, name, kind):
    channel.exchange_declare(PREFIX + name, kind, durable=True)
    created.append(("exchange", PREFIX + name))
    return PREFIX + name


def fill(channel, queue, bodies):
    """Publishes durable messages and waits for each one's confirm."""
    channel.confirm_delivery()
    for body in bodies:
        within(PATIENCE)
        channel.basic_publish("", queue, body, PERSISTENT)
    within(CASE_LIMIT)


def consume(connection, channel, queue, count, **how):
    """Returns the next COUNT deliveries, or as many as came in time."""
    seen = []
    channel.basic_consume(
        queue, lambda _, method, props, body: seen.append((method, props, body)), **how
    )
    wait_for(connection, lambda: len(seen) >= count, "%d deliveries" % count)
    return seen


def wait_for(connection, done, what):
    until = time.monotonic() + PATIENCE
    while not done():
        check(time.monotonic() < until, "waited in vain for " + what)
        connection.process_data_events(0.1)


def idle(connection, seconds=0.2):
    connection.process_data_events(seconds)


def bodies_of(deliveries):
    return [int(body) for _, _, body in deliveries]


def not_let_in(action, exception, text):
    try:
        action().close()
    except exception as refused:
        check(text in str(refused), str(refused))
        return
    raise Failed("the broker let it in")


def closed_by_broker(action, exception, code, text):
    try:
        action()
    except exception as closed:
        equal(closed.reply_code, code, "reply code")
        check(text in closed.reply_text, "reply text " + closed.reply_text)
        return
    raise Failed("the broker did not refuse")


class Publisher:
    """Publishes COUNT messages with at most WINDOW unconfirmed, counting
    the confirms; every one must come exactly once."""

    def __init__(self, queue, count, window):
        self.queue, self.count, self.window = queue, count, window
        self.published = self.confirmed = 0
        self.outstanding = {}
        self.error = None
        self.connection = pika.SelectConnection(
            parameters(),
            on_open_callback=lambda c: c.channel(on_open_callback=self.opened),
            on_open_error_callback=lambda c, e: self.stop("not opened: %r" % e),
            on_close_callback=lambda c, e: self.connection.ioloop.stop(),
        )

    def run(self):
        self.progress = time.monotonic()
        self.connection.ioloop.call_later(1, self.watch)
        self.connection.ioloop.start()
        if self.error:
            raise Failed(self.error)

    def stop(self, error=None):
        self.error = self.error or error
        if self.connection.is_open:
            self.connection.close()
        elif not self.connection.is_closing:
            self.connection.ioloop.stop()

    def watch(self):
        if time.monotonic() - self.progress > PATIENCE:
            self.stop("%d of %d confirmed, then none for %d s"
                      % (self.confirmed, self.count, PATIENCE))
        elif not self.connection.is_closed:
            self.connection.ioloop.call_later(1, self.watch)

    def opened(self, channel):
        self.channel = channel
        channel.add_on_close_callback(
            lambda c, e: self.confirmed == self.count or self.stop(repr(e)))
        channel.confirm_delivery(self.on_confirm, callback=self.fill)

    def fill(self, _=None):
        while self.published < self.count and len(self.outstanding) < self.window:
            self.channel.basic_publish(
                "", self.queue, b"%d" % self.published, PERSISTENT)
            self.published += 1
            self.outstanding[self.published] = True

    def on_confirm(self, frame):
        method = frame.method
        if not isinstance(method, pika.spec.Basic.Ack):
            return self.stop("%r instead of basic.ack" % method)
        if method.delivery_tag not in self.outstanding:
            return self.stop("confirm %d is not awaited" % method.delivery_tag)
        self.settle(method)
        self.progress = time.monotonic()
        if self.confirmed == self.count:
            # A confirm too many would come before this answer.
            self.channel.queue_declare(
                self.queue, passive=True, callback=lambda _: self.stop())
        else:
            self.fill()

    def settle(self, method):
        tags = [method.delivery_tag]
        if method.multiple:
            tags = []
            for tag in self.outstanding:  # in the order of publishing
                if tag > method.delivery_tag:
                    break
                tags.append(tag)
        for tag in tags:
            del self.outstanding[tag]
        self.confirmed += len(tags)


@case("connect with heartbeat")
def _():
    connection = connect(heartbeat=2)
    channel = connection.channel()
    check("capabilities" in connection._impl.server_properties, "no capabilities")
    until = time.monotonic() + 5
    while time.monotonic() < until:
        connection.process_data_events(0.5)
    channel.queue_declare("", exclusive=True)
    connection.close()


@case("wrong password is refused with 403")
def _():
    user = parameters().credentials.username
    not_let_in(
        lambda: connect(credentials=pika.PlainCredentials(user, "wrong")),
        pika.exceptions.ProbableAuthenticationError, "(403) 'ACCESS_REFUSED")


@case("missing vhost is refused with 530")
def _():
    not_let_in(
        lambda: connect(virtual_host=PREFIX + "nowhere"),
        pika.exceptions.ProbableAccessDeniedError, "(530) 'NOT_ALLOWED - vhost")


@case("declare, bind and route")
def _():
    connection = connect()
    channel = connection.channel()
    exchange = durable_exchange(channel, "topic", "topic")
    queue = durable_queue(channel, "routed")
    channel.queue_bind(queue, exchange, "a.*.c")
    channel.confirm_delivery()
    for key in ("a.b.c", "a.b.d", "a.x.c"):
        channel.basic_publish(exchange, key, key, PERSISTENT)
    seen = [m.routing_key for m, _, _ in consume(connection, channel, queue, 2, auto_ack=True)]
    equal(seen, ["a.b.c", "a.x.c"], "routed")
    channel.queue_unbind(queue, exchange, "a.*.c")
    connection.close()


@case("exchange to exchange")
def _():
    connection = connect()
    channel = connection.channel()
    first = durable_exchange(channel, "first", "fanout")
    second = durable_exchange(channel, "second", "direct")
    queue = durable_queue(channel, "behind")
    channel.exchange_bind(second, first)
    channel.queue_bind(queue, second, "key")
    channel.confirm_delivery()
    channel.basic_publish(first, "key", b"1", PERSISTENT)
    channel.basic_publish(first, "other", b"2", PERSISTENT)
    channel.exchange_unbind(second, first)
    channel.basic_publish(first, "key", b"3", PERSISTENT)
    equal(bodies_of(consume(connection, channel, queue, 1, auto_ack=True)), [1], "routed")
    connection.close()


@case("confirms one at a time")
def _():
    connection = connect()
    queue = durable_queue(connection.channel(), "single")
    Publisher(queue, 200, 1).run()
    equal(connection.channel().queue_delete(queue).method.message_count, 200, "queued")
    connection.close()


@case("confirms in a batch")
def _():
    connection = connect()
    queue = durable_queue(connection.channel(), "batch")
    Publisher(queue, 1000, 1000).run()
    equal(connection.channel().queue_delete(queue).method.message_count, 1000, "queued")
    connection.close()


@case("confirms asynchronously")
def _():
    connection = connect()
    queue = durable_queue(connection.channel(), "async")
    Publisher(queue, 10000, 100).run()
    equal(connection.channel().queue_delete(queue).method.message_count, 10000, "queued")
    connection.close()


@case("mandatory return before confirm")
def _():
    connection = connect()
    channel = connection.channel()
    channel.confirm_delivery()
    try:
        channel.basic_publish("", PREFIX + "nobody", b"back", PERSISTENT, mandatory=True)
    except pika.exceptions.UnroutableError as unroutable:
        (returned,) = unroutable.messages
        equal(returned.method.reply_code, 312, "reply code")
        equal(returned.method.reply_text, "NO_ROUTE", "reply text")
        equal(returned.body, b"back", "body")
        connection.close()
        return
    raise Failed("confirmed without a return")


@case("prefetch and acknowledged consuming")
def _():
    connection = connect()
    channel = connection.channel()
    queue = durable_queue(channel, "prefetch")
    fill(channel, queue, [b"%d" % i for i in range(10)])
    channel.basic_qos(prefetch_count=3)
    seen = consume(connection, channel, queue, 3)
    idle(connection)
    equal(bodies_of(seen), [0, 1, 2], "before the first ack")
    for n in range(10):
        wait_for(connection, lambda: len(seen) > n, "delivery %d" % n)
        channel.basic_ack(seen[n][0].delivery_tag)
    equal(bodies_of(seen), list(range(10)), "all")
    channel.close()
    equal(connection.channel().queue_delete(queue).method.message_count, 0, "left")
    connection.close()


@case("ack multiple")
def _():
    connection = connect()
    channel = connection.channel()
    queue = durable_queue(channel, "multiple")
    fill(channel, queue, [b"%d" % i for i in range(10)])
    seen = consume(connection, channel, queue, 10)
    channel.basic_ack(seen[6][0].delivery_tag, multiple=True)
    channel.close()
    again = consume(connection, connection.channel(), queue, 3, auto_ack=True)
    equal(bodies_of(again), [7, 8, 9], "not acknowledged")
    connection.close()


@case("nack requeues in order, redelivered")
def _():
    connection = connect()
    channel = connection.channel()
    queue = durable_queue(channel, "requeue")
    fill(channel, queue, [b"%d" % i for i in range(6)])
    for n in range(4):
        method, _, _ = channel.basic_get(queue)
    channel.basic_nack(method.delivery_tag, multiple=True, requeue=True)
    seen = consume(connection, channel, queue, 6, auto_ack=True)
    equal(bodies_of(seen), list(range(6)), "order")
    equal([m.redelivered for m, _, _ in seen], [True] * 4 + [False] * 2, "redelivered")
    connection.close()


@case("reject without requeue discards")
def _():
    connection = connect()
    channel = connection.channel()
    queue = durable_queue(channel, "reject")
    fill(channel, queue, [b"0", b"1", b"2"])
    tags = [channel.basic_get(queue)[0].delivery_tag for _ in range(3)]
    channel.basic_reject(tags[0], requeue=False)
    channel.basic_reject(tags[1], requeue=True)
    channel.basic_nack(tags[2], requeue=False)
    equal(bodies_of(consume(connection, channel, queue, 1, auto_ack=True)), [1], "left")
    connection.close()


@case("cancel by the client")
def _():
    connection = connect()
    channel = connection.channel()
    queue = durable_queue(channel, "cancel")
    tag = channel.basic_consume(queue, lambda *_: check(False, "delivered"))
    channel.basic_cancel(tag)
    fill(channel, queue, [b"0"])
    idle(connection)
    declared = channel.queue_declare(queue, passive=True).method
    equal((declared.message_count, declared.consumer_count), (1, 0), "counts")
    connection.close()


@case("cancel by queue deletion")
def _():
    connection = connect()
    channel = connection.channel()
    queue = durable_queue(channel, "deleted")
    cancelled = []
    channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
    tag = channel.basic_consume(queue, lambda *_: None)
    connection.channel().queue_delete(queue)
    wait_for(connection, lambda: cancelled, "basic.cancel")
    equal(cancelled, [tag], "cancelled")
    connection.close()


@case("get")
def _():
    connection = connect()
    channel = connection.channel()
    queue = durable_queue(channel, "get")
    equal(channel.basic_get(queue)[0], None, "of an empty queue")
    fill(channel, queue, [b"0", b"1"])
    method, props, body = channel.basic_get(queue)
    equal((body, method.message_count, props.delivery_mode), (b"0", 1, 2), "first")
    channel.basic_ack(method.delivery_tag)
    method, _, body = channel.basic_get(queue, auto_ack=True)
    equal((body, method.message_count), (b"1", 0), "second")
    connection.close()


def body_case(name, size):
    @case(name)
    def _():
        body = random.Random(size).randbytes(size)
        connection = connect()
        channel = connection.channel()
        queue = durable_queue(channel, "body")
        fill(channel, queue, [body])
        ((_, _, back),) = consume(connection, channel, queue, 1, auto_ack=True)
        equal(len(back), size, "size")
        equal(hashlib.sha256(back).hexdigest(), hashlib.sha256(body).hexdigest(), "bytes")
        connection.close()


body_case("body of 0 bytes", 0)
body_case("body of 1 MiB", 1 << 20)
body_case("body of 32 MiB", 32 << 20)


@case("headers of every type")  # all but floats, which pika reads but never writes
def _():
    headers = {
        "bool": True,
        "not": False,
        "int": -(2**31),
        "long": 2**62,
        "decimal": decimal.Decimal("3.14"),
        "string": "grüße",
        "bytes": b"\x00\xff",
        "time": datetime.datetime(2001, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc),
        "table": {"inner": {"deep": 1}, "empty": {}},
        "array": [1, "two", None, [3], {"four": 4}],
        "void": None,
    }
    props = pika.BasicProperties(
        content_type="text/plain", content_encoding="utf-8", headers=headers,
        delivery_mode=2, priority=3, correlation_id="correlation", reply_to="reply",
        expiration="600000", message_id="message", timestamp=981173106, type="type",
        user_id=parameters().credentials.username, app_id="app")
    connection = connect()
    channel = connection.channel()
    queue = durable_queue(channel, "headers")
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"", props)
    ((_, back, _),) = consume(connection, channel, queue, 1, auto_ack=True)
    times = back.headers["time"]
    back.headers["time"] = times.replace(tzinfo=times.tzinfo or datetime.timezone.utc)
    equal(back.headers, headers, "headers")
    equal(back, props, "properties")
    connection.close()


@case("missing queue 404, channel reused")
def _():
    connection = connect()
    for _ in range(3):
        channel = connection.channel(7)
        closed_by_broker(
            lambda: channel.queue_declare(PREFIX + "nowhere", passive=True),
            pika.exceptions.ChannelClosedByBroker, 404, "NOT_FOUND - no queue")
    channel = connection.channel(7)
    channel.queue_declare("", exclusive=True)
    connection.close()


@case("exclusive queue 405")
def _():
    owner, other = connect(), connect()
    queue = owner.channel().queue_declare("", exclusive=True).method.queue
    closed_by_broker(
        lambda: other.channel().queue_declare(queue, passive=True),
        pika.exceptions.ChannelClosedByBroker, 405, "RESOURCE_LOCKED")
    owner.close()
    closed_by_broker(
        lambda: other.channel().queue_declare(queue, passive=True),
        pika.exceptions.ChannelClosedByBroker, 404, "NOT_FOUND")
    other.close()


@case("precondition failed 406")
def _():
    connection = connect()
    queue = durable_queue(connection.channel(), "durable")
    closed_by_broker(
        lambda: connection.channel().queue_declare(queue, durable=False),
        pika.exceptions.ChannelClosedByBroker, 406, "inequivalent arg 'durable'")
    channel = connection.channel()
    closed_by_broker(
        lambda: channel.basic_ack(1) or channel.queue_declare(queue, passive=True),
        pika.exceptions.ChannelClosedByBroker, 406, "unknown delivery tag 1")
    connection.close()


def drain(queue, count, result):
    """Consumes COUNT messages with acks, in a thread with its own connection."""
    connection = connect()
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1000)
    for method, _, body in channel.consume(queue, inactivity_timeout=PATIENCE):
        if method is None:
            break
        result.append(int(body))
        if len(result) % 100 == 0:
            channel.basic_ack(method.delivery_tag, multiple=True)
        if len(result) == count:
            break
    channel.cancel()
    connection.close()


def messages_case(count):
    @case("%d messages" % count)
    def _():
        connection = connect()
        queue = durable_queue(connection.channel(), "many")
        seen = []
        consumer = threading.Thread(target=drain, args=(queue, count, seen), daemon=True)
        consumer.start()
        Publisher(queue, count, 2000).run()
        consumer.join(4 * PATIENCE)
        equal(len(seen), count, "consumed")
        check(seen == list(range(count)), "out of order")
        connection.process_data_events()
        equal(connection.channel().queue_delete(queue).method.message_count, 0, "left")
        connection.close()


messages_case(100000)


@case("redelivery after channel close")
def _():
    connection = connect()
    channel = connection.channel()
    queue = durable_queue(channel, "channel")
    fill(channel, queue, [b"0", b"1", b"2"])
    consume(connection, channel, queue, 3)
    channel.close()
    again = consume(connection, connection.channel(), queue, 3, auto_ack=True)
    equal([(m.redelivered, int(b)) for m, _, b in again],
          [(True, 0), (True, 1), (True, 2)], "again")
    connection.close()


@case("redelivery after connection close")
def _():
    first, second = connect(), connect()
    queue = durable_queue(first.channel(), "connection")
    fill(first.channel(), queue, [b"0", b"1", b"2"])
    consume(first, first.channel(), queue, 3)
    first._impl._transport._sock.shutdown(socket.SHUT_RDWR)  # no connection.close
    again = consume(second, second.channel(), queue, 3, auto_ack=True)
    equal([(m.redelivered, int(b)) for m, _, b in again],
          [(True, 0), (True, 1), (True, 2)], "again")
    second.close()


def clean():
    connection = connect()
    for kind, name in created:
        if kind == "queue":
            connection.channel().queue_delete(name)
        else:
            connection.channel().exchange_delete(name)
    connection.close()


def play(name, function):
    within(CASE_LIMIT)
    try:
        function()
        print("ok     %s" % name, flush=True)
        return True
    except Exception as why:  # whatever it is, this case failed and the next goes on
        print("FAILED %s: %s" % (name, why or repr(why)), flush=True)
        return False


def main():
    print("pika %s, Python %s" % (pika.__version__, sys.version.split()[0]))
    signal.signal(signal.SIGALRM, too_late)
    passed = sum(play(name, function) for name, function in cases)
    try:
        clean()
    except pika.exceptions.AMQPError as why:
        print("not cleaned up: %r" % why)
    print("%d passed, %d failed" % (passed, len(cases) - passed))
    return passed != len(cases)


if __name__ == "__main__":
    sys.exit(main())
