"""Make a virtual environment once, and again only when its requirements or its interpreter change.

Usage: python3 scripts/make_venv.py DIRECTORY REQUIREMENTS

Nothing is printed on stdout. Several processes may ask for the same directory at the same time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

OLDEST = (3, 9)


def stamp_of(requirements: Path) -> str:
    """Return the name of the environment's state: requirements and interpreter."""
    parts = (requirements.read_bytes(), platform.python_version().encode(), os.fsencode(sys.base_prefix))
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` where the system has such locks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        if os.name == "posix":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure(directory: Path, requirements: Path) -> Path:
    """Make or update the environment, and return the directory of its programs."""
    stamp = directory / "requirements.sha256"
    programs = directory / ("Scripts" if os.name == "nt" else "bin")
    wanted = stamp_of(requirements)
    with locked(directory.with_name(directory.name + ".lock")):
        if stamp.is_file() and stamp.read_text() == wanted:
            return programs
        sys.stderr.write(f"make_venv: installing {requirements} into {directory}\n")
        if directory.exists():
            shutil.rmtree(directory)
        venv.create(directory, with_pip=True)
        subprocess.run(
            [programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements],
            check=True,
            stdout=sys.stderr,
        )
        stamp.write_text(wanted)
    return programs


def main() -> int:
    """Run the command line."""
    if sys.version_info < OLDEST:
        sys.stderr.write(
            f"make_venv: Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {platform.python_version()}\n"
        )
        return 2
    if len(sys.argv) != 3:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        ensure(Path(sys.argv[1]), Path(sys.argv[2]))
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"make_venv: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
