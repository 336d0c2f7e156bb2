"""Ctrl-C, in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import PRIVATE, PUBLIC, VECTORS

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX sends them")

#: Far above what is measured, which is below 0.1 s: a machine that runs the tests may be busy.
BOUND = 2.0

CHILD = """
import sys, modelseal
def started(progress):
    if progress.bytes_done and not told:
        told.append(True)
        print("started", flush=True)
told = []
try:
    {call}
except KeyboardInterrupt as interrupt:
    assert type(interrupt) is KeyboardInterrupt
    print("interrupted", flush=True)
"""
SIGN = "modelseal.sign_model_artifact(sys.argv[1], key=sys.argv[2], progress=started, danger_allow_test_keys=True)"
VERIFY = (
    "modelseal.verify_model_artifact(sys.argv[1], key=sys.argv[2], bundle=sys.argv[3], progress=started, "
    "danger_any_model=True, danger_allow_test_keys=True)"
)


def interrupt(call: str, *arguments: Path) -> float:
    """Send Ctrl-C in the middle of the work, and return the seconds until the process was gone."""
    command = [sys.executable, "-c", CHILD.format(call=call), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == "started\n", child.stderr.read()
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
        took = time.monotonic() - sent
    assert (out, err, child.returncode) == ("interrupted\n", "", 0)
    return took


def test_signing_stops(huge: Path) -> None:
    took = interrupt(SIGN, huge, PRIVATE)
    assert took < BOUND
    # Neither a signature nor a part of one.
    assert [path.name for path in huge.iterdir()] == ["hole.bin"]


def test_verifying_stops(tmp_path: Path) -> None:
    # This signature records no sizes, so the file must be hashed to see that it is another one.
    case = VECTORS / "key-p256-detached"
    model = shutil.copytree(case / "model", tmp_path / "model")
    os.truncate(model / "w.bin", 64 << 30)
    took = interrupt(VERIFY, model, PUBLIC, case / "outside.sig")
    assert took < BOUND
