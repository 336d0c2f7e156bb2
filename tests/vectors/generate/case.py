"""Cases: what `expect` holds, how a case is set up, how an accepted one is checked again."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

import oms

P256 = ({"path": "keys/p256.pub.pem"},)


@dataclass
class Case:
    """One case; `peer` is what model-signing 1.1.1 is known to say, compared with what it does."""

    path: str
    about: str
    code: Optional[str] = None
    base: Optional[str] = None
    setup: list[list[str]] = field(default_factory=list)
    model: str = "model"
    bundle: str = "model.sig"
    keys: tuple = P256
    anchors: tuple = ()
    flags: tuple = ()
    ignore: tuple = ()
    allow_test_keys: bool = True
    at: Optional[str] = None
    findings: Optional[list] = None
    uncovered: Optional[list] = None
    unchecked: Optional[list] = None
    peer: Optional[str] = None
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def verdict(self):
        """`accept`, `refuse` or `error`, by the family of the code."""
        if self.code is None:
            return "accept"
        return "error" if self.code.split("/")[0] in ("key", "usage", "input") else "refuse"

    @property
    def directory(self):
        """The directory of the case."""
        return oms.ROOT / (self.path.split("#")[0])

    @property
    def expect_path(self):
        """Where its `expect` file goes: `dir` or `dir#name`."""
        _, _, name = self.path.partition("#")
        return self.directory / (f"expect-{name}" if name else "expect")

    def to_json(self, peer_said):
        """The content of `expect`, defaults left out."""
        found = {"about": self.about, "verdict": self.verdict}
        optional = {
            "code": self.code,
            "base": self.base,
            "setup": self.setup or None,
            "model": None if self.model == "model" else self.model,
            "bundle": None if self.bundle == "model.sig" else self.bundle,
            "keys": list(self.keys) or None,
            "anchors": list(self.anchors) or None,
            "flags": list(self.flags) or None,
            "ignore": list(self.ignore) or None,
            "allow_test_keys": None if self.allow_test_keys else False,
            "at": self.at,
            "findings": self.findings,
            "uncovered": [] if self.uncovered is None and self.code is None else self.uncovered,
            "unchecked": self.unchecked,
            "model_signing_1_1_1": peer_said,
        }
        found.update({key: value for key, value in optional.items() if value is not None})
        return found

    def write(self, peer_said):
        """Writes `expect` and the case's own files."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.expect_path.write_text(render(self.to_json(peer_said)), encoding="ascii")


def render(expect):
    """JSON with one field a line, so that a change to a case is a change of one line."""
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in expect.items())
    return f"{{\n{lines}\n}}\n"


# Setting a case up.


def prepare(case, where):
    """Copies the case to the empty directory `where` and carries out its set-up."""
    for source in filter(None, [case.base, case.path.split("#")[0]]):
        path = oms.ROOT / source
        if path.is_dir():
            shutil.copytree(path, where, symlinks=True, dirs_exist_ok=True)
    for name, data in case.files.items():
        target = where / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    for step in case.setup:
        carry_out(where, *step)


def carry_out(where, action, *arguments):
    """One step of `setup`."""
    path = where / (arguments[1] if action in ("symlink", "tree") else arguments[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    if action == "mkdir":
        path.mkdir(parents=True, exist_ok=True)
    elif action == "write":
        path.write_bytes(bytes.fromhex(arguments[1]))
    elif action == "append":
        with path.open("ab") as out:
            out.write(bytes.fromhex(arguments[1]))
    elif action == "truncate":
        os.truncate(path, int(arguments[1]))
    elif action == "remove":
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    elif action == "rename":
        target = where / arguments[1]
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    elif action == "chmod":
        path.chmod(int(arguments[1], 8))
    elif action == "touch":
        os.utime(path, (int(arguments[1]), int(arguments[1])))
    elif action == "symlink":
        path.symlink_to(arguments[0])
    elif action == "mkfifo":
        os.mkfifo(path)
    elif action == "tree":
        for name, text in json.loads((where / arguments[0]).read_text(encoding="utf-8")).items():
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode())
    else:
        raise ValueError(f"unknown step {action}")


# Checking accepted cases again.


def check(case, where):
    """Reads an accepted case back from disk: signature, root digest, file digests."""
    found = json.loads((where / case.bundle).read_bytes())
    envelope = found["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"], validate=True)
    signature = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
    if case.anchors:
        chain = [
            x509.load_der_x509_certificate(base64.b64decode(item["rawBytes"], validate=True))
            for item in found["verificationMaterial"]["x509CertificateChain"]["certificates"]
        ]
        assert any(verify(chain[0].public_key(), None, payload, signature)), case.path
    else:
        keys = [
            (
                serialization.load_pem_public_key((oms.ROOT / key["path"]).read_bytes()),
                key.get("scheme"),
            )
            for key in case.keys
        ]
        assert any(any(verify(key, scheme, payload, signature)) for key, scheme in keys), case.path
    check_files(case, json.loads(payload), where / case.model)


def verify(key, scheme, payload, signature):
    """Yields whether the signature holds: over the proper PAE, then over that of 0.2.0."""
    legacy = json.loads(payload)["predicateType"] == oms.LEGACY_PREDICATE_TYPE
    tries = [(oms.pae(payload), None)] + (
        [(oms.pae_0_2_0(payload), hashes.SHA256())] if legacy else []
    )
    for message, algorithm in tries:
        try:
            if isinstance(key, ed25519.Ed25519PublicKey):
                key.verify(signature, message)
            elif isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(
                    signature, message, ec.ECDSA(algorithm or oms.CURVE_HASH[key.curve.name])
                )
            else:
                _, family, name = scheme.split("-")
                padding = {"pss": oms.pss, "pkcs1v15": oms.pkcs1}[family]
                key.verify(signature, message, *padding(getattr(oms, name.upper())))
        except Exception:
            yield False
        else:
            yield True


def check_files(case, statement, model):
    """Root digest over the listed digests, and every listed digest over the bytes on disk."""
    if statement["predicateType"] == oms.LEGACY_PREDICATE_TYPE:
        for subject in statement["subject"]:
            data = (model / subject["name"]).read_bytes()
            assert subject["digest"]["sha256"] == hashlib.sha256(data).hexdigest(), case.path
        return
    predicate = statement["predicate"]
    assert statement["subject"][0]["digest"]["sha256"] == oms.root(predicate["resources"]), (
        case.path
    )
    for item in predicate["resources"]:
        name = item["name"]
        algorithm = item["algorithm"].split("-sharded-")[0]
        if algorithm == "blake3":
            continue  # not in the standard library; these bundles were made by the reference tool
        if predicate["serialization"]["method"] == "shards":
            name, start, end = name.rsplit(":", 2)
            data = (model / name).read_bytes()[int(start) : int(end)]
        else:
            data = (model if model.is_file() else model / name).read_bytes()
        assert oms.digest(data, algorithm).hexdigest() == item["digest"].lower(), (
            f"{case.path}: {name}"
        )


# Asking the reference tool.


class Peer:
    """The driver of model-signing 1.1.1, if there is one."""

    SWITCHES = {
        "danger-allow-symlinks": "--allow_symlinks",
        "danger-ignore-unsigned-files": "--ignore_unsigned_files",
        "no-ignore-git-paths": "--no-ignore-git-paths",
    }

    def __init__(self, python):
        script = oms.ROOT.parent / "interop" / "peer.py"
        command = [python, str(script)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def verify(self, case, where):
        """`accept` or `refuse`, or None where the tool has no way to be asked."""
        if len(case.keys) + len(case.anchors) != 1 or case.at or not case.allow_test_keys:
            return None
        if any(step[0] == "truncate" for step in case.setup):
            return None  # it would read all of it
        if case.keys:
            trust = ["key", "--public_key", str(oms.ROOT / case.keys[0]["path"])]
        else:
            trust = ["certificate", "--certificate_chain", str(oms.ROOT / case.anchors[0])]
        switches = [self.SWITCHES[flag] for flag in case.flags if flag in self.SWITCHES]
        ignored = [
            part for path in case.ignore for part in ("--ignore-paths", f"{case.model}/{path}")
        ]
        args = ["verify", *trust, case.model, "--signature", case.bundle, *switches, *ignored]
        self.process.stdin.write(json.dumps({"args": args, "cwd": str(where)}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return "refuse" if answer["status"] else "accept"


def load_bytes(path: str) -> bytes:
    """A file below tests/vectors/."""
    return (oms.ROOT / Path(path)).read_bytes()
