"""The OMS format as plain data: keys, statements, envelopes, bundles.

Written from the specification and kept apart from the implementation under test, so that the two
can disagree.
"""

import base64
import copy
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

ROOT = Path(__file__).resolve().parent.parent
KEYS = ROOT / "keys"

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
LEGACY_PREDICATE_TYPE = "https://model_signing/Digests/v0.1"
GIT_NAMES = [".git", ".gitattributes", ".github", ".gitignore"]

SHA256, SHA384, SHA512 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512()
CURVE_HASH = {
    "secp256r1": SHA256,
    "secp384r1": SHA384,
    "secp521r1": SHA512,
    "secp256k1": SHA256,
    "secp224r1": SHA256,
}


# Keys.


def _new_key(name):
    """Makes the private key that a name in keys/ stands for."""
    curves = {
        "p256-other": ec.SECP256R1(),
        "p224": ec.SECP224R1(),
        "secp256k1": ec.SECP256K1(),
        "ca-root": ec.SECP384R1(),
        "ca-int": ec.SECP384R1(),
    }
    if name in curves:
        return ec.generate_private_key(curves[name])
    if name == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, int(name.removeprefix("rsa-")))


class Key:
    """A key pair in keys/, made on first use."""

    def __init__(self, name):
        self.name = name
        path = KEYS / f"{name}.pem"
        if not path.exists():
            pem = _new_key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            path.write_bytes(pem)
        self.private = serialization.load_pem_private_key(path.read_bytes(), None)
        self.public = self.private.public_key()
        self.pem = self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.der = self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        public_path = KEYS / f"{name}.pub.pem"
        if not public_path.exists():
            public_path.write_bytes(self.pem)

    @property
    def id(self):
        """The key id, which OMS calls the hint."""
        return hashlib.sha256(self.pem).hexdigest()

    @property
    def hash(self):
        """The hash that the curve fixes."""
        return CURVE_HASH[self.public.curve.name]

    def sign(self, message, algorithm=None):
        """Signs; `algorithm` replaces the curve's hash, or gives RSA its padding and hash."""
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(message)
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(message, *algorithm)
        scheme = ec.ECDSA(algorithm or self.hash, deterministic_signing=True)
        return self.private.sign(message, scheme)


def pss(algorithm, salt=None, mask=None):
    """RSASSA-PSS as RFC 8017 has it, salt as long as the hash unless told otherwise."""
    length = algorithm.digest_size if salt is None else salt
    return padding.PSS(padding.MGF1(mask or algorithm), length), algorithm


def pkcs1(algorithm):
    """RSASSA-PKCS1-v1_5."""
    return padding.PKCS1v15(), algorithm


# Envelopes.


def b64(data):
    """Standard base64 with padding."""
    return base64.b64encode(data).decode()


def pae(payload, payload_type=PAYLOAD_TYPE):
    """DSSE pre-authentication encoding."""
    return f"DSSEv1 {len(payload_type)} {payload_type} {len(payload)} ".encode() + payload


def pae_0_2_0(payload):
    """What model-signing 0.2.0 signed: a capital V, and the payload as Python prints bytes."""
    return f"DSSEV1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} {payload!r}".encode()


def dumps(value, **kwargs):
    """Compact UTF-8 JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, **kwargs).encode()


def bundle(payload, key, *, signature=None, material=None, algorithm=None):
    """A bundle of the key method, as modelseal and the reference tool write it."""
    return {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": material or {"publicKey": {"hint": key.id}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": b64(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {"sig": b64(signature or key.sign(pae(payload), algorithm)), "keyid": ""},
            ],
        },
    }


# Statements.


def digest(data, algorithm="sha256"):
    """Digest of bytes by its name in the OMS registry; blake2b has 512 bits."""
    return hashlib.new({"blake2b": "blake2b"}.get(algorithm, algorithm), data)


def resource(name, data, algorithm="sha256", **more):
    """One entry of `resources`."""
    return {
        "name": name,
        "algorithm": algorithm,
        "digest": digest(data, algorithm).hexdigest(),
        **more,
    }


def root(resources):
    """The root digest: SHA-256 over the raw digests in listed order."""
    return hashlib.sha256(b"".join(bytes.fromhex(item["digest"]) for item in resources)).hexdigest()


def statement(
    resources, serialization_changes=None, *, name="model", ignore=GIT_NAMES, with_root=None
):
    """A statement; `serialization_changes` are laid over files + sha256, `None` removes a field."""
    fields = {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": False,
        "ignore_paths": list(ignore),
    }
    fields.update(serialization_changes or {})
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": with_root or root(resources)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {key: value for key, value in fields.items() if value is not None},
            "resources": resources,
        },
    }


def files(content, algorithm="sha256"):
    """Resources of method `files` in code-point order, from a name → bytes table."""
    return [resource(name, content[name], algorithm) for name in sorted(content)]


def shards(content, size, algorithm="sha256", label=None):
    """Resources of method `shards` in code-point order; empty files have none."""
    label = label or f"{algorithm}-sharded-{size}"
    found = []
    for name, data in content.items():
        for start in range(0, len(data), size):
            part = data[start : start + size]
            item = resource(f"{name}:{start}:{start + len(part)}", part, algorithm)
            found.append({**item, "algorithm": label})
    return sorted(found, key=lambda item: item["name"])


# Changes to JSON values by dotted path.


def _walk(value, path):
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        value = value[part]
    return value, last


def put(value, path, new):
    """A copy with the member at `path` set to `new`."""
    changed = copy.deepcopy(value)
    parent, last = _walk(changed, path)
    parent[last] = new
    return changed


def drop(value, path):
    """A copy without the member at `path`."""
    changed = copy.deepcopy(value)
    parent, last = _walk(changed, path)
    del parent[last]
    return changed
