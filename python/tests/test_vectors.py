"""Every case under tests/vectors: the verdict, the code and the lists of its `expect` file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import modelseal
import pytest
from support import VECTORS

KNOWN = {
    "about",
    "allow_test_keys",
    "anchors",
    "at",
    "base",
    "bundle",
    "code",
    "findings",
    "flags",
    "ignore",
    "keys",
    "model",
    "model_signing_1_1_1",
    "setup",
    "unchecked",
    "uncovered",
    "verdict",
}
SWITCHES: dict[str, dict[str, Any]] = {
    "danger-accept-legacy": {"danger_accept_legacy": True},
    "danger-allow-symlinks": {"danger_allow_symlinks": True},
    "danger-ignore-unsigned-files": {"danger_ignore_unsigned_files": True},
    "no-ignore-git-paths": {"ignore_git_paths": False},
}
CLASSES: dict[str, tuple[type[modelseal.ModelsealError], ...]] = {
    "refuse": (modelseal.VerificationError,),
    "error": (modelseal.UsageError, modelseal.InputError),
}


def cases() -> Iterator[Path]:
    for directory, _, names in sorted(os.walk(VECTORS)):
        for name in sorted(names):
            if name == "expect" or name.startswith("expect-"):
                yield Path(directory, name)


def name_of(case: Path) -> str:
    return str(case.parent.relative_to(VECTORS)) + case.name[len("expect") :]


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)


def symlink(target: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def mkfifo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)


def tree(table: Path, path: Path) -> None:
    for name, content in json.loads(table.read_text()).items():
        write(path / name, content.encode())


def set_up(copy: Path, step: list[str]) -> None:
    steps: dict[str, Callable[..., None]] = {
        "mkdir": lambda path: (copy / path).mkdir(parents=True, exist_ok=True),
        "write": lambda path, content: write(copy / path, bytes.fromhex(content)),
        "append": lambda path, content: append(copy / path, bytes.fromhex(content)),
        "truncate": lambda path, size: os.truncate(copy / path, int(size)),
        "remove": lambda path: remove(copy / path),
        "rename": lambda source, target: rename(copy / source, copy / target),
        "chmod": lambda path, mode: (copy / path).chmod(int(mode, 8)),
        "touch": lambda path, seconds: os.utime(copy / path, (int(seconds), int(seconds))),
        "symlink": lambda target, path: symlink(target, copy / path),
        "mkfifo": lambda path: mkfifo(copy / path),
        "tree": lambda table, path: tree(copy / table, copy / path),
    }
    steps[step[0]](*step[1:])


def key_of(entry: dict[str, str]) -> str | Path:
    path = VECTORS / entry["path"]
    return f"file:{path}?scheme={entry['scheme']}" if "scheme" in entry else path


@pytest.mark.parametrize("path", [pytest.param(case, id=name_of(case)) for case in cases()])
def test_vector(path: Path, tmp_path: Path) -> None:
    case = json.loads(path.read_text())
    assert case.keys() <= KNOWN
    for source in ([VECTORS / case["base"]] if "base" in case else []) + [path.parent]:
        shutil.copytree(source, tmp_path, symlinks=True, dirs_exist_ok=True)
    for step in case.get("setup", []):
        set_up(tmp_path, step)

    options: dict[str, Any] = {
        "key": [key_of(key) for key in case.get("keys", [])],
        "certificate_chain": [VECTORS / anchor for anchor in case.get("anchors", [])],
        "bundle": tmp_path / case.get("bundle", "model.sig"),
        "danger_ignore_paths": case.get("ignore", []),
        "danger_allow_test_keys": case.get("allow_test_keys", True),
        "danger_any_model": True,
    }
    if "at" in case:
        instant = datetime.strptime(case["at"], "%Y-%m-%dT%H:%M:%SZ")
        options["danger_clock"] = instant.replace(tzinfo=timezone.utc)
    for flag in case.get("flags", []):
        options.update(SWITCHES[flag])

    refused: modelseal.ModelsealError | None = None
    artifact: modelseal.VerifiedArtifact | None = None
    try:
        artifact = modelseal.verify_model_artifact(tmp_path / case.get("model", "model"), **options)
    except modelseal.ModelsealError as error:
        refused = error

    assert (refused.code if refused is not None else None) == case.get("code")
    if refused is not None:
        assert isinstance(refused, CLASSES[case["verdict"]])
        if "findings" in case:
            found = [[finding.code, finding.name] for finding in refused.findings]
            assert found == sorted(case["findings"], key=lambda finding: finding[1])
    if artifact is not None:
        assert case["verdict"] == "accept"
        if "uncovered" in case:
            assert [uncovered.name for uncovered in artifact.uncovered] == case["uncovered"]
        assert set(case.get("unchecked", [])) <= set(artifact.unchecked)


def test_there_are_cases() -> None:
    assert len(list(cases())) >= 600
