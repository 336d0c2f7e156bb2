"""The command `modelseal`."""

from __future__ import annotations

import signal
import sys

from modelseal import _native


def main() -> int:
    """Run the command with the arguments of this process, and return its exit status."""
    # The command handles signals itself and cleans up. Python's own handler, to which that one would hand on, only
    # adds a traceback. Once: later the command's own handler is in its place.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native._main(["modelseal", *sys.argv[1:]])
