"""The brokers that are measured: how each is started, asked, and ended."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

START_SECONDS = 60
STOP_SECONDS = 30

# What is said on the standard output once connections are accepted.
READY = re.compile(rb"Server startup complete|completed with \d+ plugins")


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def fail(text, status=1):
    say(text)
    sys.exit(status)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def speaks_amqp(port):
    """Does somebody answer a protocol header there?"""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            s.sendall(b"AMQP\0\0\x09\x01")
            return s.recv(1) == b"\x01"
    except OSError:
        return False


class Broker:
    """A broker in a process of its own, in a folder that goes with it."""

    def __init__(self, scratch):
        self.scratch = os.path.abspath(scratch)
        self.folder = None
        self.process = None
        self.port = None

    def make_folder(self):
        self.folder = tempfile.mkdtemp(prefix=f"bench-{self.name}-",
                                       dir=self.scratch)
        self.log_path = os.path.join(self.folder, "output")

    def spawn(self, output):
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, env=self.env, cwd=self.folder,
            start_new_session=True)

    def start(self):
        """In a new folder, until a client's header is answered."""
        self.make_folder()
        self.prepare()
        with open(self.log_path, "wb") as log:
            self.spawn(log)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            self.find_port()
            if self.port is not None and speaks_amqp(self.port):
                return
            time.sleep(0.05)
        with open(self.log_path, errors="replace") as log:
            say(log.read()[-2000:])
        raise RuntimeError(f"{self.name} does not start")

    def start_and_read(self):
        """In the folder there is, until what it says is that all is complete and
        a client's header is answered. Nothing is polled meanwhile, and what it
        says later nobody reads."""
        self.spawn(subprocess.PIPE)
        said = []
        for line in self.process.stdout:
            said.append(line)
            if READY.search(line):
                break
        self.find_port()
        if self.port is None or not speaks_amqp(self.port):
            say(b"".join(said).decode(errors="replace")[-2000:])
            raise RuntimeError(f"{self.name} does not start")

    def find_port(self):
        """Sets port as soon as it is known."""

    def halt(self):
        """Ends the process by its id; a second call does nothing."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            say(f"{self.name} does not stop, killing it")
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None

    def stop(self):
        self.halt()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class Leveret(Broker):
    name = "leveret"
    title = "Leveret"
    has_memory = True

    def __init__(self, scratch, program, extra):
        super().__init__(scratch)
        self.program = os.path.abspath(program)
        self.extra = extra

    @property
    def has_store(self):
        return "-e" not in self.extra

    def prepare(self):
        self.port_file = os.path.join(self.folder, "port")
        self.data = os.path.join(self.folder, "data")
        os.mkdir(self.data)
        self.env = dict(os.environ, LEVERET_DIR=self.data)

    def command(self):
        place = ["-d", self.data] if self.has_store else []
        return [self.program, "-p", "0", "--port-file",
                self.port_file] + place + self.extra

    def tool(self, name, words):
        return [self.program + "ctl"] + words

    def find_port(self):
        try:
            with open(self.port_file) as f:
                found = re.search(r"^amqp (\d+)$", f.read(), re.M)
        except FileNotFoundError:
            return
        if found:
            self.port = int(found.group(1))


class RabbitMQ(Broker):
    """Its own node, cookie, folders and port mapper: nothing is shared with a
    RabbitMQ that may run here already."""

    name = "rabbitmq"
    title = "RabbitMQ"
    has_memory = False
    has_store = True
    places = ["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"]

    def __init__(self, scratch, programs):
        super().__init__(scratch)
        self.programs = programs

    @classmethod
    def find(cls):
        for place in cls.places:
            if os.access(f"{place}/rabbitmq-server", os.X_OK) and \
                    shutil.which("erl"):
                return place
        return None

    def prepare(self):
        self.port = free_port()
        self.env = dict(os.environ)
        self.env.update({
            "HOME": self.folder,
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # It then takes the place of its shell and stops on SIGTERM.
            "RUNNING_UNDER_SYSTEMD": "1",
            "RABBITMQ_NODENAME": f"bench-{os.getpid()}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": os.path.join(self.folder, "mnesia"),
            "RABBITMQ_LOG_BASE": os.path.join(self.folder, "log"),
            "RABBITMQ_CONFIG_FILE": os.path.join(self.folder, "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE":
                os.path.join(self.folder, "plugins"),
        })

    def command(self):
        return [f"{self.programs}/rabbitmq-server"]

    def tool(self, name, words):
        return [f"{self.programs}/{name}"] + words

    def stop(self):
        super().stop()
        epmd = shutil.which("epmd", path=os.environ["PATH"] + ":/usr/bin")
        if epmd and self.folder:
            # Only the one on this port, which the node started.
            subprocess.run([epmd, "-kill"], env=self.env,
                           stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)


class Elsewhere:
    """A broker that runs already: NAME=HOST:PORT or NAME=HOST:PORT,PID."""

    def __init__(self, text):
        found = re.fullmatch(r"([\w.-]+)=([\w.]+:\d+)(?:,(\d+))?", text)
        if not found:
            fail(f"--broker: cannot use '{text}'", 2)
        self.name, self.address, self.pid = found.groups()
        self.has_memory = self.has_store = False  # that we could start
        self.title = self.name  # until it has told what it is

    def start(self):
        pass

    def stop(self):
        pass
