"""Make the ML-DSA vectors beside this file with a real OpenBao, and check them with `cryptography` 48 or later.

Run by hand, never by a test.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import urllib.request
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import mldsa

HERE = Path(__file__).parent
SERVE = HERE.parents[1] / "vault" / "serve.py"
KINDS = {"mldsa-44": mldsa.MLDSA44PublicKey, "mldsa-65": mldsa.MLDSA65PublicKey, "mldsa-87": mldsa.MLDSA87PublicKey}
MESSAGES = [b"", b"DSSEv1 28 application/vnd.in-toto+json 2 {}"]


def main() -> None:
    server = subprocess.Popen([sys.executable, SERVE, "openbao"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        line = json.loads(server.stdout.readline())
        call(line, "sys/mounts/transit", {"type": "transit"})
        for kind in KINDS:
            (HERE / f"{kind}.json").write_text(json.dumps(vectors(line, kind), indent=1) + "\n", encoding="ascii")
    finally:
        server.stdin.close()
        server.wait()


def vectors(line: dict, kind: str) -> dict:
    call(line, f"transit/keys/{kind}", {"type": kind})
    key = call(line, f"transit/keys/{kind}", None)["keys"]["1"]
    whole = {"prehashed": False, "hash_algorithm": "none"}
    signed = [{"message": text(message), "signature": sign(line, kind, message, whole)} for message in MESSAGES]
    digest = hashlib.sha256(MESSAGES[1]).digest()
    public = KINDS[kind].from_public_bytes(base64.b64decode(key["public_key"]))
    for case in signed:
        public.verify(base64.b64decode(case["signature"]), base64.b64decode(case["message"]))
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    prehashed = sign(line, kind, digest, {"prehashed": True, "hash_algorithm": "sha2-256"})
    return {
        "server": f"{line['kind']} {line['version']}",
        "kind": kind,
        "public_key": key["public_key"],
        "key_id": hashlib.sha256(pem).hexdigest(),
        "signatures": signed,
        "prehashed": {"message": text(MESSAGES[1]), "signature": prehashed},
    }


def sign(line: dict, kind: str, message: bytes, options: dict) -> str:
    answer = call(line, f"transit/sign/{kind}", {"input": text(message), **options})
    return answer["signature"].rsplit(":", 1)[1]


def text(message: bytes) -> str:
    return base64.b64encode(message).decode("ascii")


def call(line: dict, path: str, body: dict | None) -> dict:
    request = urllib.request.Request(
        f"{line['address']}/v1/{path}",
        data=None if body is None else json.dumps(body).encode("ascii"),
        headers={"X-Vault-Token": line["root_token"], "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        content = answer.read()
    return json.loads(content)["data"] if content else {}


main()
