"""A throw-away issuer of identity tokens, like the one of a CI service.

Usage: python3 tests/vault/issuer.py new DIR       make issuer.key and issuer.pem, the public key
       python3 tests/vault/issuer.py mint DIR      print a signed RS256 token
       python3 tests/vault/issuer.py serve DIR     serve discovery and keys on loopback until standard input ends, and
                                                   tokens with the claims in DIR/claims.json, as a runner does
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid
from pathlib import Path
from typing import Any

ISSUER = "https://token.ci.example"
AUDIENCE = "https://vault.example"
DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/.well-known/jwks"
TOKEN = "/token"


def new(directory: Path) -> None:
    """Make the key pair. Tokens name ISSUER until it is served under an address of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    key, public = directory / "issuer.key", directory / "issuer.pem"
    os.close(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(key))
    openssl("pkey", "-in", str(key), "-pubout", "-out", str(public))
    (directory / "issuer.url").write_text(ISSUER)


def mint(directory: Path, claims: dict[str, Any], audience: str = AUDIENCE, expires_in: float = 300) -> str:
    """Return a token. A claim that is null is left out."""
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + int(expires_in), "jti": str(uuid.uuid4())}
    issuer = (directory / "issuer.url").read_text()
    payload = {"iss": issuer, "aud": audience, **job(), **times, **claims}
    present = {name: value for name, value in payload.items() if value is not None}
    header = {"alg": "RS256", "typ": "JWT", "kid": key_id(directory)}
    signed = ".".join(encode(json.dumps(part).encode()) for part in (header, present))
    signature = openssl("dgst", "-sha256", "-sign", str(directory / "issuer.key"), data=signed.encode())
    return f"{signed}.{encode(signature)}"


def job() -> dict[str, str]:
    """Return the claims of a job on the main branch, named as GitHub names them."""
    workflow = "example-org/model/.github/workflows/release.yml@refs/heads/main"
    return {
        "sub": "repo:example-org/model:environment:release",
        "repository": "example-org/model",
        "repository_id": "123456789",
        "repository_owner": "example-org",
        "repository_owner_id": "987654",
        "ref": "refs/heads/main",
        "ref_type": "branch",
        "sha": "0123456789abcdef0123456789abcdef01234567",
        "event_name": "push",
        "workflow_ref": workflow,
        "job_workflow_ref": workflow,
        "runner_environment": "github-hosted",
        "environment": "release",
        "run_id": "4242",
        "run_attempt": "1",
    }


def serve(directory: Path) -> None:
    """Serve until standard input ends. From then on tokens name the address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        discovery = {
            "issuer": address,
            "jwks_uri": address + KEYS,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        Handler.documents = {DISCOVERY: discovery, KEYS: {"keys": [public_jwk(directory)]}}
        Handler.directory = directory
        (directory / "issuer.url").write_text(address)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(json.dumps({"issuer": address, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        while os.read(0, 4096):
            pass
        server.shutdown()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the documents, and tokens for those who have the means to ask for one."""

    documents: dict[str, Any] = {}  # noqa: RUF012  (filled once, before the first request)
    directory: Path

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        document = self.documents.get(self.path)
        claims = self.directory / "claims.json"
        if url.path == TOKEN and self.headers.get("Authorization") and claims.exists():
            audience = dict(urllib.parse.parse_qsl(url.query))["audience"]
            document = {"value": mint(self.directory, json.loads(claims.read_text()), audience)}
        body = json.dumps(document).encode()
        self.send_response(200 if document else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Keep standard error for what matters."""


def public_jwk(directory: Path) -> dict[str, str]:
    text = openssl("rsa", "-pubin", "-in", str(directory / "issuer.pem"), "-modulus", "-noout").decode()
    modulus = bytes.fromhex(text.strip().partition("=")[2])
    exponent = b"\x01\x00\x01"
    key = {"kty": "RSA", "n": encode(modulus), "e": encode(exponent)}
    return {**key, "kid": key_id(directory), "alg": "RS256", "use": "sig"}


def key_id(directory: Path) -> str:
    return encode(hashlib.sha256((directory / "issuer.pem").read_bytes()).digest())


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments: str, data: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True)
    if done.returncode:
        sys.exit(f"issuer: openssl {arguments[0]}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("new", "mint", "serve"):
        commands.add_parser(name).add_argument("directory", type=Path)
    minting = commands.choices["mint"]
    minting.add_argument("--claims", type=json.loads, default={}, metavar="JSON", help="null removes a claim")
    minting.add_argument("--audience", default=AUDIENCE)
    minting.add_argument("--expires-in", type=float, default=300, metavar="SECONDS")
    options = parser.parse_args()
    if options.command == "new":
        new(options.directory)
    elif options.command == "mint":
        sys.stdout.write(mint(options.directory, options.claims, options.audience, options.expires_in) + "\n")
    else:
        serve(options.directory)


if __name__ == "__main__":
    main()
