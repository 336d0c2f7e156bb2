"""The form of model-signing 0.2.0: one subject a file, its own PAE, SHA-256 on every curve."""

import hashlib

import oms
from case import Case
from cases_bundle import BASE, KEY, SMALL
from cases_certificate import MIDDLE, ROOT, Leaf
from oms import b64, drop, dumps, pae, pae_0_2_0, put

LEGACY, MALFORMED, INVALID = "format/legacy", "format/malformed", "signature/invalid"


def statement(content):
    """A statement of 0.2.0."""
    return {
        "_type": oms.STATEMENT_TYPE,
        "subject": [
            {
                "name": name,
                "digest": {"sha256": hashlib.sha256(data).hexdigest()},
                "annotations": {"actual_hash_algorithm": "file-sha256"},
            }
            for name, data in sorted(content.items())
        ],
        "predicateType": oms.LEGACY_PREDICATE_TYPE,
        "predicate": {"unused": "Unused, just passed due to API requirements"},
    }


GOOD = statement(SMALL)


def old(found, key=KEY, *, material=None, message=None, algorithm=None):
    """A bundle of 0.2.0: its own PAE with SHA-256, unless told otherwise."""
    payload = found if isinstance(found, bytes) else dumps(found)
    signature = key.sign((message or pae_0_2_0)(payload), algorithm or oms.SHA256)
    public = {"rawBytes": b64(key.pem), "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    made = oms.bundle(payload, key, material=material or {"publicKey": public}, signature=signature)
    return put(made, "dsseEnvelope.signatures.0.keyid", None)


def pair(name, about, found, code=None, peer=None, *, key="p256", **more):
    """Two cases: refused as legacy without the switch, and what happens with it."""
    common = {"base": BASE, "keys": ({"path": f"keys/{key}.pub.pem"},), "peer": peer, **more}
    files = {"model.sig": dumps(found)}
    flags = ("danger-accept-legacy",)
    if code is None:
        yield Case(
            f"legacy/{name}#refused", f"{about}: legacy not accepted", LEGACY, files=files, **common
        )
    yield Case(
        f"legacy/{name}", f"{about}: legacy accepted", code, files=files, flags=flags, **common
    )


def accepted():
    """What the switch lets through."""
    yield from pair("old-pae", "the PAE of 0.2.0", old(GOOD), peer="accept")
    yield from pair("proper-pae", "the proper PAE", old(GOOD, message=pae), peer="accept")
    p384, p521 = oms.Key("p384"), oms.Key("p521")
    # With a key, the reference tool tries the curve's hash only, which 0.2.0 never used; with a
    # certificate it tries SHA-256.
    yield from pair(
        "old-pae-p384",
        "P-384 with SHA-256 over the PAE of 0.2.0",
        old(GOOD, p384),
        key="p384",
        peer="refuse",
    )
    yield from pair(
        "old-pae-p521",
        "P-521 with SHA-256 over the PAE of 0.2.0",
        old(GOOD, p521),
        key="p521",
        peer="refuse",
    )
    yield from pair(
        "proper-pae-p384",
        "P-384 with SHA-384 over the proper PAE",
        old(GOOD, p384, message=pae, algorithm=oms.SHA384),
        key="p384",
        peer="accept",
    )
    plain = GOOD
    for index in range(len(SMALL)):
        plain = drop(plain, f"subject.{index}.annotations")
    yield from pair("no-annotation", "no annotation", old(plain), peer="accept")
    text = dumps(GOOD)
    crlf = text.replace(b',"predicate"', b',\r\n\t"predicate"')
    yield from pair(
        "pae-white-space",
        "line ends and tabs in the payload: escaped in its PAE",
        old(crlf),
        peer="accept",
    )
    odd = {"it's": b"1", 'q"q': b"2", "b\\s": b"3", "é中": b"4", "del\x7f": b"5"}
    made = [
        ["remove", "model"],
        *[["write", f"model/{name}", data.hex()] for name, data in odd.items()],
    ]
    yield from pair(
        "pae-escapes",
        "quotes, backslashes and bytes beyond ASCII in names: escaped in its PAE",
        old(statement(odd)),
        setup=made,
        peer="accept",
    )
    leaf = Leaf(MIDDLE, oms.Key("p384"))
    chain = {
        "x509CertificateChain": {
            "certificates": [{"rawBytes": b64(item.der)} for item in (leaf, MIDDLE)]
        }
    }
    files = {"model.sig": dumps(old(GOOD, leaf.key, material=chain)), "anchor.pem": ROOT.pem}
    common = {
        "base": BASE,
        "files": files,
        "keys": (),
        "anchors": ("legacy/certificate/anchor.pem",),
        "peer": "accept",
    }
    about = "a P-384 certificate, SHA-256 over the PAE of 0.2.0"
    yield Case("legacy/certificate#refused", f"{about}: legacy not accepted", LEGACY, **common)
    yield Case(
        "legacy/certificate", f"{about}: legacy accepted", flags=("danger-accept-legacy",), **common
    )


def refused():
    """What the switch does not let through."""
    p384 = oms.Key("p384")
    yield from pair(
        "old-pae-p384-sha384",
        "P-384 with SHA-384 over the PAE of 0.2.0",
        old(GOOD, p384, algorithm=oms.SHA384),
        INVALID,
        key="p384",
    )
    yield from pair(
        "proper-pae-p384-sha256",
        "P-384 with SHA-256 over the proper PAE",
        old(GOOD, p384, message=pae),
        INVALID,
        key="p384",
    )
    tampered = put(GOOD, "subject.0.name", "other.json")
    bundle = put(old(GOOD), "dsseEnvelope.payload", b64(dumps(tampered)))
    yield from pair("bad-signature", "a payload that was changed", bundle, INVALID, "refuse")
    double = put(GOOD, "subject", [GOOD["subject"][0], *GOOD["subject"]])
    for name, value in [
        ("absolute", "/config.json"),
        ("parent", "../config.json"),
        ("dot", "./config.json"),
        ("empty", ""),
    ]:
        found = old(put(GOOD, "subject.0.name", value))
        yield from pair(
            f"name-{name}", f"a name that is no path inside the model: {value!r}", found, MALFORMED
        )
    yield from pair("duplicate", "a file listed twice", old(double), MALFORMED)
    yield from pair(
        "no-sha256",
        "a subject without SHA-256",
        old(drop(GOOD, "subject.0.digest.sha256")),
        MALFORMED,
    )
    member = dumps(GOOD).replace(b'"_type":', b'"unused":1,"unused":2,"_type":')
    yield from pair("duplicate-member", "a duplicate member", old(member), MALFORMED)
    none = old(put(GOOD, "subject", []))
    yield from pair("no-file", "no file at all", none, "artifact/empty")
    other = old(put(GOOD, "subject.0.annotations.actual_hash_algorithm", "file-blake2b"))
    yield from pair(
        "annotation-other", "an annotation that names another hash", other, "format/unsupported"
    )


def cases():
    """All of them."""
    for group in (accepted, refused):
        yield from group()
