"""Run a command that ends when standard input ends, so that it never outlives who started it.

Usage: python3 tests/vault/tether.py COMMAND [ARGUMENT]...

Whoever holds the other end of the pipe may be killed: the system closes the pipe all the same.
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import threading

PATIENCE = 2.0


def start(command, **options) -> subprocess.Popen:
    """Start a child that on Linux also ends when this process is killed."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        set_parent_death_signal = 1
        options["preexec_fn"] = lambda: libc.prctl(set_parent_death_signal, signal.SIGKILL)
    return subprocess.Popen(command, **options)


def stop(child: subprocess.Popen) -> None:
    """End a child, gently first."""
    if child.stdin:
        child.stdin.close()
    child.terminate()
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def hold(child: subprocess.Popen) -> int | None:
    """Wait until standard input or the child ends, or until a signal; return the child's status if it ended first."""
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())

    def until_input_ends() -> None:
        while sys.stdin.buffer.read1():
            pass
        done.set()

    def until_child_ends() -> None:
        child.wait()
        done.set()

    for wait in (until_input_ends, until_child_ends):
        threading.Thread(target=wait, daemon=True).start()
    done.wait()
    return child.poll()


def main() -> int:
    if len(sys.argv) < 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    child = start(sys.argv[1:], stdin=subprocess.DEVNULL)
    status = hold(child)
    if status is None:
        stop(child)
        return 0
    return abs(status)


if __name__ == "__main__":
    sys.exit(main())
