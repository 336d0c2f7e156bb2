"""The command through Python: the entry point of the wheel and `python -m modelseal`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import modelseal
import pytest
from support import PRIVATE, PUBLIC

SCRIPT = [str(Path(sysconfig.get_path("scripts")) / "modelseal")]
MODULE = [sys.executable, "-m", "modelseal"]
both = pytest.mark.parametrize("command", [SCRIPT, MODULE], ids=["script", "module"])


def run(command: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False)


@both
def test_version(command: list[str]) -> None:
    done = run(command, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"modelseal {modelseal.__version__}\n", "")


@both
def test_exit_statuses_pass_through(command: list[str], signed: Path) -> None:
    trust = ["--key", PUBLIC, "--danger-allow-test-keys"]
    assert run(command, "verify", signed, *trust).returncode == 0
    (signed / "config.json").write_text("changed")
    refused = run(command, "verify", signed, *trust)
    assert refused.returncode == 1
    assert "artifact/modified" in refused.stderr + refused.stdout
    assert run(command, "verify", signed / "nothing", *trust).returncode == 3
    assert run(command, "verify", signed, "--unknown").returncode == 2
    assert "Traceback" not in refused.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX sends them")
@both
def test_ctrl_c(command: list[str], huge: Path) -> None:
    arguments = ["sign", huge, "--key", PRIVATE, "--danger-allow-test-keys"]
    child = subprocess.Popen(
        [*command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with child:
        # Time to get to the hashing: before that the signal ends the process at once, which is right too.
        time.sleep(1.0)
        assert child.poll() is None, child.communicate()
        child.send_signal(signal.SIGINT)
        sent = time.monotonic()
        _, err = child.communicate(timeout=60)
        took = time.monotonic() - sent
    assert child.returncode in {130, -signal.SIGINT}
    assert "Traceback" not in err
    assert took < 2.0
    assert [path.name for path in huge.iterdir()] == ["hole.bin"]
