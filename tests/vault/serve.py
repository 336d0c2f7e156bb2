"""Serve one throw-away server on loopback, until standard input ends or SIGTERM arrives.

Prints one line of JSON when the server is healthy: kind, version, address, binary, pid and directory; root_token,
unseal_key, audit_log, tls_address, ca_cert and certificates (for OpenBao and Vault); admin_address, admin_token and
ca_cert (for Kubernetes). The directory and all that is in it are removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certificates
import provide
import tether

PATIENCE = {"openbao": 30, "vault": 30, "kubernetes": 150}
# Where the official programs are told the root token without anybody seeing it in the list of processes.
TOKEN_VARIABLE = {"openbao": "BAO_DEV_ROOT_TOKEN_ID", "vault": "VAULT_DEV_ROOT_TOKEN_ID"}

if TYPE_CHECKING:
    Server = subprocess.Popen[bytes]
    Line = dict[str, Any]


class FailedError(Exception):
    """The server did not become healthy."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(PATIENCE))
    parser.add_argument("--tls", action="store_true", help="listen with TLS too, with certificates of a private CA")
    parser.add_argument("--audit", action="store_true", help="write an audit log from the first request on")
    parser.add_argument("--config-extra", type=Path, metavar="FILE", help="more of the server's configuration, in HCL")
    options = parser.parse_args()
    if options.kind == "kubernetes" and (options.tls or options.audit):
        parser.error("kubernetes always has TLS and never an audit log")
    tether.end_with_input()
    directory = Path(tempfile.mkdtemp(prefix=f"modelseal-{options.kind}-"))
    try:
        child, line = start(options, directory)
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        raise FailedError(f"ended by itself with status {child.wait()}")
    except (FailedError, OSError, provide.UnavailableError) as error:
        sys.stderr.write(f"serve: {options.kind}: {error}\n{tail(directory / 'server.log')}")
        return 1
    finally:
        tether.stop_all()
        shutil.rmtree(directory, ignore_errors=True)


def start(options: argparse.Namespace, directory: Path) -> tuple[Server, Line]:
    """Start the server and wait until it is healthy."""
    binary = provide.provide_one(options.kind)
    line: Line = {"kind": options.kind, "binary": str(binary), "directory": str(directory), "audit_log": None}
    line.update({"tls_address": None, "ca_cert": None, "certificates": None})
    if options.tls:
        line["certificates"] = certificates.make(directory / "certificates")
        line["ca_cert"] = line["certificates"]["ca"]
    if options.audit:
        line["audit_log"] = str(directory / "audit.jsonl")
    if not provide.is_built(binary):
        return start_official(options, binary, directory, line)
    if options.config_extra:
        raise FailedError("this server is built for the tests and takes no --config-extra")
    return start_built(options.kind, binary, directory, line)


def start_built(kind: str, binary: Path, directory: Path, line: Line) -> tuple[Server, Line]:
    """Start one of the programs in `servers/`, which say themselves where they listen."""
    command = [str(binary)]
    if line["audit_log"]:
        command += ["-audit", line["audit_log"]]
    if line["certificates"]:
        command += ["-tls-cert", line["certificates"]["server"], "-tls-key", line["certificates"]["server_key"]]
    child = spawn(command, directory, environment(directory), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    announced = child.stdout.readline() if child.stdout else b""
    if not announced:
        tether.stop_all()
        raise FailedError("ended before it was ready")
    told = json.loads(announced)
    told.pop("directory", None)
    return child, {**line, **told}


def start_official(options: argparse.Namespace, binary: Path, directory: Path, line: Line) -> tuple[Server, Line]:
    """Start `bao` or `vault` in development mode: in memory, initialised, unsealed."""
    kind, token = options.kind, secrets.token_hex(16)
    deadline = time.monotonic() + PATIENCE[kind]
    while True:
        port, tls_port = free_port(), free_port()
        config = directory / "config.hcl"
        config.write_text(official_config(kind, line, tls_port, options.config_extra))
        command = [str(binary), "server", "-dev", "-dev-no-store-token", f"-config={config}"]
        command.append(f"-dev-listen-address=127.0.0.1:{port}")
        variables = {**environment(directory), TOKEN_VARIABLE[kind]: token}
        child = spawn(command, directory, variables, stdin=subprocess.DEVNULL)
        line.update({"address": f"http://127.0.0.1:{port}", "root_token": token, "pid": child.pid})
        if options.tls:
            line["tls_address"] = f"https://127.0.0.1:{tls_port}"
        try:
            wait_until_ours(child, line, deadline)
            break
        except FailedError:
            tether.stop_all()
            # Between choosing a port and listening on it another process may take it.
            if "address already in use" not in tail(directory / "server.log") or time.monotonic() > deadline:
                raise
    line["version"] = ask(line, "GET", "sys/health")["version"]
    line["unseal_key"] = unseal_key(directory / "server.log", deadline)
    if line["audit_log"] and kind == "vault":
        ask(line, "PUT", "sys/audit/file", {"type": "file", "options": {"file_path": line["audit_log"]}})
    return child, line


def official_config(kind: str, line: Line, tls_port: int, extra: Path | None) -> str:
    text = ""
    # Vault enables audit devices by request only, OpenBao by configuration only.
    if line["audit_log"] and kind == "openbao":
        path = json.dumps(line["audit_log"])
        text += f'audit "file" "file" {{\n  options {{\n    file_path = {path}\n    mode = "0600"\n  }}\n}}\n'
    if line["certificates"]:
        certificate, key = (json.dumps(line["certificates"][name]) for name in ("server", "server_key"))
        text += (
            f'listener "tcp" {{\n  address = "127.0.0.1:{tls_port}"\n  cluster_address = "127.0.0.1:{tls_port + 1}"\n'
        )
        text += f"  tls_cert_file = {certificate}\n  tls_key_file = {key}\n}}\n"
    return text + (extra.read_text() if extra else "")


def wait_until_ours(child: Server, line: Line, deadline: float) -> None:
    """Wait until the server knows its root token: another one that sits on the port does not."""
    while True:
        try:
            ask(line, "GET", "auth/token/lookup-self")
            return
        except (OSError, ValueError) as error:
            if child.poll() is not None:
                raise FailedError(f"ended with status {child.returncode}") from error
            if time.monotonic() > deadline:
                raise FailedError(f"is not healthy: {error}") from error
        time.sleep(0.01)


def ask(line: Line, method: str, path: str, body: Line | None = None) -> Line:
    data = json.dumps(body).encode() if body is not None else None
    headers = {"X-Vault-Token": line["root_token"]}
    request = urllib.request.Request(f"{line['address']}/v1/{path}", data, headers, method=method)
    # A proxy of the environment is not between us and loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=5) as response:
        text = response.read()
    answer: Line = json.loads(text) if text else {}
    return answer


def unseal_key(log: Path, deadline: float) -> str:
    """Find the key where the server prints it, a moment after it is healthy."""
    while True:
        found = re.search(r"^Unseal Key: (\S+)$", log.read_text(errors="replace"), re.MULTILINE)
        if found:
            return found[1]
        if time.monotonic() > deadline:
            raise FailedError("prints no unseal key")
        time.sleep(0.01)


def spawn(command: list[str], directory: Path, variables: dict[str, str], **streams: Any) -> Server:
    """Start a server whose messages go to a file, where nobody has to read them on time."""
    with (directory / "server.log").open("wb") as log:
        streams.setdefault("stdout", log)
        return tether.start(command, env=variables, stderr=log, cwd=directory, **streams)


def environment(directory: Path) -> dict[str, str]:
    """Return what a server may know of its surroundings: no settings, no home of anybody."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "GOMAXPROCS") if name in os.environ}
    return {**kept, "HOME": str(directory), "TMPDIR": str(directory)}


def free_port() -> int:
    """Return a port that is free, like the one above it, where these servers talk to their like.

    Below the range from which the system itself hands out ports, so that it is still free a moment later.
    """
    for _ in range(1000):
        port = random.randrange(20000, 32000, 2)
        try:
            for candidate in (port, port + 1):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", candidate))
        except OSError:
            continue
        return port
    raise FailedError("there is no free port")


def tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines(keepends=True) if log.exists() else []
    return "".join(lines[-20:])


if __name__ == "__main__":
    sys.exit(main())
