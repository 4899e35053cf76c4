# complete.py FOLDER: a real zsh on a terminal of its own, with the functions of FOLDER:
# what is typed on the standard input up to a TAB, and what must stand there then, a
# line each, parted by a |.
import os
import pty
import select
import sys
import time

PATIENCE = 60


def begin():
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", COLUMNS="200", HOME=sys.argv[1])
        os.execvp("zsh", ["zsh", "-f", "-i"])
    return terminal


def read_until(terminal, text):
    """All that came until it is there; None if it does not come."""
    seen = ""
    until = time.monotonic() + PATIENCE
    while text not in seen:
        ready, _, _ = select.select([terminal], [], [],
                                    max(0, until - time.monotonic()))
        if not ready:
            sys.exit(f"'{text}' does not come: {seen!r}")
        seen += os.read(terminal, 65536).decode(errors="replace")
    return seen


zsh = begin()
os.write(zsh, b"PS1='> ' fpath=(" + sys.argv[1].encode() + b" $fpath); "
         b"autoload -Uz compinit; compinit -u -D; echo loa''ded\n")
read_until(zsh, "loaded")
for line in sys.stdin:
    typed, wanted = line.rstrip("\n").split("|")
    os.write(zsh, typed.encode() + b"\t")
    read_until(zsh, wanted)
    os.write(zsh, b"\x15")  # the line is forgotten
os.close(zsh)
