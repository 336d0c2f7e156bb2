"""Models and keys that the tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import sign


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A directory with three files, one of them nested."""
    path = tmp_path / "model"
    (path / "w").mkdir(parents=True)
    (path / "config.json").write_text("{}\n")
    (path / "w" / "0.bin").write_bytes(bytes(range(256)) * 10)
    (path / "w" / "1.bin").write_bytes(b"x" * 1000)
    return path


@pytest.fixture
def signed(model: Path) -> Path:
    """The same, signed by the test key P-256."""
    sign(model)
    return model


@pytest.fixture
def huge(tmp_path: Path) -> Path:
    """A model that takes long to hash and no room: one file with a hole of 64 GiB."""
    path = tmp_path / "huge"
    path.mkdir()
    with (path / "hole.bin").open("wb") as file:
        file.truncate(64 << 30)
    return path
