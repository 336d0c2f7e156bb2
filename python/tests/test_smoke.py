"""The few tests that run on every interpreter found: one wheel, its command and its module together."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import modelseal
import pytest

pytestmark = pytest.mark.smoke

COMMAND = Path(sysconfig.get_path("scripts")) / "modelseal"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    done = run("keys", "generate", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    (path / "config.json").write_text("{}\n")
    (path / "weights.bin").write_bytes(bytes(range(256)))
    return path


def test_the_module_signs_and_the_command_verifies(model: Path, key: Path) -> None:
    modelseal.sign_model_artifact(model, key=key)
    done = run("verify", model, "--key", key.with_suffix(".pub.pem"))
    assert done.returncode == 0, done.stderr


def test_the_command_signs_and_the_module_verifies(model: Path, key: Path) -> None:
    assert run("sign", model, "--key", key).returncode == 0
    modelseal.verify_model_artifact(model, key=key.with_suffix(".pub.pem"), name="model")


def test_one_changed_byte_is_refused_by_both(model: Path, key: Path) -> None:
    modelseal.sign_model_artifact(model, key=key)
    (model / "weights.bin").write_bytes(bytes(range(255)) + b"\0")
    with pytest.raises(modelseal.MismatchError) as refused:
        modelseal.verify_model_artifact(model, key=key.with_suffix(".pub.pem"), name="model")
    assert refused.value.code == "artifact/modified"
    assert refused.value.hint
    assert run("verify", model, "--key", key.with_suffix(".pub.pem")).returncode == 1
