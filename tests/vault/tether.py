"""Run a command that ends when standard input ends, so that it never outlives who started it.

Usage: python3 tests/vault/tether.py COMMAND [ARGUMENT]...

Whoever holds the other end of the pipe may be killed: the system closes the pipe all the same.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)
children: list[subprocess.Popen[bytes]] = []


def end_with_input() -> None:
    """From now on, raise SystemExit in the main thread when standard input ends or a signal comes."""

    def end(*_: object) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise SystemExit(0)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    for number in SIGNALS:
        signal.signal(number, end)
    threading.Thread(target=watch, daemon=True).start()


def start(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a child that on Linux also ends when this process is killed."""
    if sys.platform == "linux":
        # Looked up before the fork, after which little is safe to do.
        prctl, set_parent_death_signal = ctypes.CDLL(None).prctl, 1
        options["preexec_fn"] = lambda: prctl(set_parent_death_signal, signal.SIGKILL)
    child = subprocess.Popen(command, **options)
    children.append(child)
    return child


def stop_all() -> None:
    """End every child. They keep nothing that a gentle end would save."""
    while children:
        child = children.pop()
        child.kill()
        child.wait()


def main() -> int:
    if len(sys.argv) < 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    end_with_input()
    try:
        return abs(start(sys.argv[1:], stdin=subprocess.DEVNULL).wait())
    finally:
        stop_all()


if __name__ == "__main__":
    sys.exit(main())
