"""How soon a broker is there, gone, and has answered an operator.

A start is measured from the moment the program is executed until it has said that
its startup is complete and a client's protocol header is answered; a command from
its execution until its end, with status 0. CPU time is that of all the process's
threads."""

import copy
import glob
import os
import shutil
import statistics
import time

from brokers import say

# name, what it is
STARTS = [
    ("start-new", "start, new store"),
    ("start-old", "start, existing store"),
    ("start-memory", "start, in memory"),
]

# name, RabbitMQ's program, its words
COMMANDS = [
    ("command-ping", "rabbitmq-diagnostics", ["-q", "ping"]),
    ("command-running", "rabbitmq-diagnostics", ["-q", "check_running"]),
    ("command-connectivity", "rabbitmq-diagnostics",
     ["-q", "check_port_connectivity"]),
    ("command-queues", "rabbitmqctl", ["-q", "list_queues"]),
    ("command-status", "rabbitmqctl", ["-q", "status"]),
]

NAMES = [row[0] for row in STARTS + COMMANDS]

# What a broker that is quick does often enough to know its usual time.
QUICK_STARTS = 10
QUICK_COMMANDS = 20
QUICK_MS = 100


def cpu_ms(pid):
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as f:
                total += int(f.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass  # a thread that has just ended
    return total / 1e6


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def start_once(broker):
    began = time.perf_counter()
    broker.start_and_read()
    found = {"ms": (time.perf_counter() - began) * 1000,
             "cpu_ms": cpu_ms(broker.process.pid),
             "rss": resident(broker.process.pid)}
    began = time.perf_counter()
    broker.halt()
    found["end_ms"] = (time.perf_counter() - began) * 1000
    return found


def empty(folder):
    for entry in os.scandir(folder):
        if entry.is_dir():
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def fresh(broker):
    empty(broker.folder)
    broker.prepare()


def measure_starts(name, broker):
    """One start of a broker that takes its time, several of a quick one. It is
    another process than the one that is measured otherwise."""
    broker = copy.copy(broker)
    broker.process = None
    broker.make_folder()
    found = []
    try:
        if name == "start-memory":
            broker.extra = broker.extra + ["-e"]
        broker.prepare()
        if name == "start-old":
            start_once(broker)
        while len(found) < QUICK_STARTS:
            found.append(start_once(broker))
            if found[-1]["ms"] > QUICK_MS * 5:
                break
            if name == "start-new":
                fresh(broker)
    finally:
        broker.stop()
    return found


def run_once(command, env):
    """Runs it with as little around it as can be: no shell, no fork of this."""
    nothing = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0)
               for fd in (0, 1, 2)]
    began = time.perf_counter()
    pid = os.posix_spawn(command[0], command, env, file_actions=nothing)
    _, status, used = os.wait4(pid, 0)
    ms = (time.perf_counter() - began) * 1000
    if status != 0:
        raise RuntimeError(f"{' '.join(command)} ended with status "
                           f"{os.waitstatus_to_exitcode(status)}")
    return {"ms": ms, "cpu_ms": (used.ru_utime + used.ru_stime) * 1000}


def measure_commands(row, broker):
    _, program, words = row
    command = broker.tool(program, words)
    found = []
    while len(found) < QUICK_COMMANDS:
        found.append(run_once(command, broker.env))
        if found[-1]["ms"] > QUICK_MS:
            break
    return found


def measure(name, broker):
    """Single results, none if there is no such thing there."""
    if not (broker.has_memory if name == "start-memory" else broker.has_store):
        return []
    for row in COMMANDS:
        if row[0] == name:
            return measure_commands(row, broker)
    return measure_starts(name, broker)


# --- the table -----------------------------------------------------------------


def number(value):
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}".replace(",", " ")


def spread(values, unit):
    text = f"{number(statistics.median(values))} {unit}"
    if len(values) > 1:
        text += f" ({number(min(values))} to {number(max(values))})"
    return text


def column(results, key, scale=1.0):
    return [r[key] * scale for r in results if key in r]


def lines_of(names):
    """What is told: its row, the figure, its scale and unit, and what it is."""
    lines = []
    for name, what in STARTS:
        if name in names:
            lines.append((name, "ms", 1, "ms", what))
    for name in ("start-old", "start-memory"):
        if name in names:
            where = dict(STARTS)[name].split(", ")[1]
            lines += [(name, "cpu_ms", 1, "ms", f"its CPU time, {where}"),
                      (name, "rss", 1e-6, "MB", f"resident then, {where}")]
    if "start-old" in names:
        lines.append(("start-old", "end_ms", 1, "ms", "SIGTERM to the end"))
    for name, program, words in COMMANDS:
        if name in names:
            text = " ".join(words[1:])
            lines += [(name, "ms", 1, "ms", f"`{text}`"),
                      (name, "cpu_ms", 1, "ms", f"its CPU time, `{text}`")]
    return lines


def table(names, brokers, results):
    """A line per figure, a column per broker, and what the first takes of what
    each other one does."""
    first, others = brokers[0], brokers[1:]
    head = ["start or command"] + [b.title for b in brokers]
    head += [f"{first.title} : {other.title}" for other in others]
    out = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    for name, key, scale, unit, what in lines_of(names):
        found = [column(results[name][b.name], key, scale) for b in brokers]
        cells = [spread(values, unit) if values else "-" for values in found]
        for other in found[1:]:
            cells.append(f"{statistics.median(found[0]) / statistics.median(other):.4f}"
                         if found[0] and other and statistics.median(other)
                         else "-")
        out.append("| " + " | ".join([what] + cells) + " |")
    return "\n".join(out)


def play(rounds, names, brokers):
    results = {name: {b.name: [] for b in brokers} for name in names}
    for turn in range(rounds):
        for name in names:
            for broker in brokers if turn % 2 == 0 else brokers[::-1]:
                found = measure(name, broker)
                results[name][broker.name] += found
                if found:
                    say(f"round {turn + 1}, {name}, {broker.title}: "
                        f"{spread(column(found, 'ms'), 'ms')}")
    return results
