# clients.py PORT NAME...: clients that do what logs tell of, one after the other.
import socket
import struct
import sys


def short(s):
    return bytes([len(s)]) + s


def long(s):
    return struct.pack(">I", len(s)) + s


def value(v):
    return b"F" + table(v) if isinstance(v, dict) else \
        b"t" + bytes([v]) if isinstance(v, bool) else b"S" + long(v)


def table(d):
    return long(b"".join(short(k) + value(v) for k, v in d.items()))


def method(channel, class_id, method_id, arguments=b""):
    payload = struct.pack(">HH", class_id, method_id) + arguments
    return struct.pack(">BHI", 1, channel, len(payload)) + payload + b"\xce"


class Client:
    def __init__(self, port, name=None, password=b"guest", vhost=b"/", beat=0):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(60)
        properties = {b"capabilities": {b"authentication_failure_close": True}}
        if name is not None:
            properties[b"connection_name"] = name
        self.ask(b"AMQP\0\0\x09\x01")
        self.ask(method(0, 10, 11, table(properties) + short(b"PLAIN") +
                        long(b"\0guest\0" + password) + short(b"en_US")))
        self.send(method(0, 10, 31, struct.pack(">HIH", 2047, 131072, beat)))
        self.opened = self.ask(method(0, 10, 40,
                                      short(vhost) + short(b"") + b"\0"))

    def send(self, frame):
        self.socket.sendall(frame)

    def ask(self, frame):
        self.send(frame)
        return self.frame()

    def frame(self):
        head = self.read(7)
        return head + self.read(struct.unpack(">I", head[3:])[0] + 1)

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def drain(self):
        while self.socket.recv(4096):
            pass


def normal(port):
    c = Client(port, b"my client")
    c.ask(method(1, 20, 10, short(b"")))
    c.ask(method(1, 50, 10, b"\0\0" + short(b"nope") + b"\1" + table({})))
    c.ask(method(0, 10, 50, b"\0\xc8" + short(b"bye") + b"\0\0\0\0"))


def lost(port):
    Client(port, b"lost").socket.close()


def nameless(port):
    Client(port).socket.close()


def intruder(port):
    Client(port, b"intruder", password=b"x")


def elsewhere(port):
    Client(port, b"elsewhere", vhost=b"none")


def hard(port):
    c = Client(port, b"hard")
    c.ask(method(1, 20, 10, short(b"")))
    c.ask(method(1, 50, 20, b"\0\0"))
    c.send(method(0, 10, 51))
    c.drain()


def asleep(port):
    Client(port, b"asleep", beat=1).drain()


def browser(port):
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(b"GET / HTTP/1.1\r\n\r\n")
    while s.recv(100):
        pass


def other(port):
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(b"AMQX\0\1\2\3")
    while s.recv(100):
        pass


for name in sys.argv[2:]:
    try:
        globals()[name](int(sys.argv[1]))
    except (EOFError, ConnectionError):
        pass
