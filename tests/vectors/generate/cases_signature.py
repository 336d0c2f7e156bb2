"""Signatures, and the keys and schemes behind them."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

import oms
from case import P256, Case
from cases_bundle import BASE, GOOD, KEY, OTHER, PAYLOAD, STATEMENT
from oms import dumps, pae, pae_0_2_0

INVALID, NOT_ALLOWED = "signature/invalid", "signature/scheme-not-allowed"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def case(name, about, found, code=None, peer=None, **more):
    """A case of this group."""
    return Case(
        f"signature/{name}",
        about,
        code,
        base=BASE,
        files={"model.sig": dumps(found)},
        peer=peer,
        **more,
    )


def trusted(name, scheme=None):
    """One trusted key."""
    return ({"path": f"keys/{name}.pub.pem", **({"scheme": scheme} if scheme else {})},)


def integer(value):
    """DER INTEGER."""
    data = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(data)]) + data


def sequence(content):
    """DER SEQUENCE, short form."""
    return b"\x30" + bytes([len(content)]) + content


def forms():
    """The bytes of an ECDSA signature."""
    r, s = decode_dss_signature(KEY.sign(pae(PAYLOAD)))
    low, high = min(s, P256_ORDER - s), max(s, P256_ORDER - s)
    good = encode_dss_signature(r, s)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    body_r, body_s = integer(r), integer(s)
    zero = b"\x02" + bytes([body_r[1] + 1]) + b"\0" + body_r[2:]
    yield case(
        "high-s", "s above half of the order", signed(encode_dss_signature(r, high)), peer="accept"
    )
    yield case(
        "low-s", "s below half of the order", signed(encode_dss_signature(r, low)), peer="accept"
    )
    flipped = bytes([*good[:-1], good[-1] ^ 1])
    bad = [
        ("raw", "r and s as 64 raw bytes", raw),
        ("long-length", "a length in long form: BER, not DER", b"\x30\x81" + good[1:]),
        ("zero-padded", "a needless zero byte before r", sequence(zero + body_s)),
        ("trailing-byte", "a byte after the signature", good + b"\0"),
        ("trailing-inside", "a third integer", sequence(body_r + body_s + integer(1))),
        ("truncated", "the last byte is missing", good[:-1]),
        ("bit-flip", "the last bit changed", flipped),
        ("r-zero", "r is zero", sequence(integer(0) + body_s)),
        ("s-zero", "s is zero", sequence(body_r + integer(0))),
        ("zeros", "r and s are zero", sequence(integer(0) * 2)),
        ("r-order", "r is the order of the curve", sequence(integer(P256_ORDER) + body_s)),
        (
            "s-plus-order",
            "s plus the order of the curve",
            sequence(body_r + integer(s + P256_ORDER)),
        ),
        (
            "s-negative",
            "s negated",
            sequence(body_r + b"\x02\x20" + (2**256 - low).to_bytes(32, "big")),
        ),
        ("garbage", "bytes that are no DER", b"modelseal"),
    ]
    for name, about, data in bad:
        yield case(f"der-{name}", about, signed(data), INVALID, "refuse")


def signed(signature):
    """The good bundle with another signature."""
    return oms.bundle(PAYLOAD, KEY, signature=signature)


def messages():
    """What was signed is not the PAE of this payload."""
    short = pae(PAYLOAD)[: pae(PAYLOAD).index(b"{")] + PAYLOAD[:-1]
    compat = signed(KEY.sign(pae_0_2_0(PAYLOAD)))
    other = dumps(oms.statement(oms.files({"w/0.bin": b"abcd"})))
    yield case(
        "wrong-key",
        "signed by another key under this key's hint",
        signed(OTHER.sign(pae(PAYLOAD))),
        INVALID,
        "refuse",
    )
    yield case(
        "other-payload",
        "the signature of another payload",
        signed(KEY.sign(pae(other))),
        INVALID,
        "refuse",
    )
    yield case(
        "no-pae", "the payload signed without PAE", signed(KEY.sign(PAYLOAD)), INVALID, "refuse"
    )
    yield case(
        "other-type",
        "a PAE of another payload type",
        signed(KEY.sign(pae(PAYLOAD, "text/plain"))),
        INVALID,
        "refuse",
    )
    yield case(
        "pae-length",
        "a PAE with a length that is one too long",
        signed(KEY.sign(short)),
        INVALID,
        "refuse",
    )
    yield case("old-pae", "the PAE of 0.2.0 over a v1.0 statement", compat, INVALID, "accept")
    flags = ("danger-accept-legacy",)
    yield case(
        "old-pae-legacy",
        "the PAE of 0.2.0 over a v1.0 statement, legacy accepted",
        compat,
        INVALID,
        "accept",
        flags=flags,
    )
    appended = oms.put(GOOD, "dsseEnvelope.payload", oms.b64(PAYLOAD + b" "))
    yield case(
        "payload-space", "a space added to the payload after signing", appended, INVALID, "refuse"
    )
    wrong_root = dumps(oms.put(STATEMENT, "subject.0.digest.sha256", "0" * 64))
    found = oms.bundle(wrong_root, KEY, signature=KEY.sign(pae(PAYLOAD)))
    yield case(
        "before-statement",
        "a malformed statement under a bad signature: the signature is judged first",
        found,
        INVALID,
    )
    found = oms.bundle(b"not JSON", KEY, signature=KEY.sign(pae(PAYLOAD)))
    yield case("before-payload", "a payload that is not JSON under a bad signature", found, INVALID)


def curves():
    """The curve fixes the hash."""
    for name, algorithm, code, peer in [
        ("p256", hashes.SHA384(), INVALID, "refuse"),
        ("p256", hashes.SHA512(), INVALID, "refuse"),
        ("p384", hashes.SHA256(), INVALID, "refuse"),
        ("p384", hashes.SHA384(), None, "accept"),
        ("p384", hashes.SHA512(), INVALID, "refuse"),
        ("p521", hashes.SHA256(), INVALID, "refuse"),
        ("p521", hashes.SHA384(), INVALID, "refuse"),
        ("p521", hashes.SHA512(), None, "accept"),
    ]:
        found = oms.bundle(PAYLOAD, oms.Key(name), algorithm=algorithm)
        about = f"{name} with {algorithm.name}"
        yield case(f"{name}-{algorithm.name}", about, found, code, peer, keys=trusted(name))
    yield case("scheme-ecdsa", "the scheme of an EC key named", GOOD, keys=trusted("p256", "ecdsa"))


def schemes():
    """Keys that are not EC need exactly one scheme, and it comes from the trusted key."""
    rsa, small, ed = oms.Key("rsa-3072"), oms.Key("rsa-2048"), oms.Key("ed25519")
    sha256, sha384, sha512 = oms.SHA256, oms.SHA384, oms.SHA512
    schemes = [
        ("rsa-pss-sha256", oms.pss(sha256)),
        ("rsa-pss-sha384", oms.pss(sha384)),
        ("rsa-pss-sha512", oms.pss(sha512)),
        ("rsa-pkcs1v15-sha256", oms.pkcs1(sha256)),
        ("rsa-pkcs1v15-sha384", oms.pkcs1(sha384)),
        ("rsa-pkcs1v15-sha512", oms.pkcs1(sha512)),
    ]
    for scheme, algorithm in schemes:
        found = oms.bundle(PAYLOAD, rsa, algorithm=algorithm)
        yield case(scheme, f"{scheme}, allowed by the key", found, keys=trusted("rsa-3072", scheme))
    pss, pkcs = (oms.bundle(PAYLOAD, rsa, algorithm=make(sha256)) for make in (oms.pss, oms.pkcs1))
    name = "rsa-3072"
    yield case(
        "rsa-no-scheme",
        "an RSA key without a scheme",
        pss,
        NOT_ALLOWED,
        "refuse",
        keys=trusted(name),
    )
    for label, about, found, scheme in [
        ("rsa-pkcs1-for-pss", "PKCS#1 v1.5 where PSS is allowed", pkcs, "rsa-pss-sha256"),
        ("rsa-pss-for-pkcs1", "PSS where PKCS#1 v1.5 is allowed", pss, "rsa-pkcs1v15-sha256"),
        ("rsa-pss-other-hash", "SHA-256 where SHA-512 is allowed", pss, "rsa-pss-sha512"),
    ]:
        yield case(label, about, found, INVALID, keys=trusted(name, scheme))
    for label, about, algorithm in [
        ("rsa-pss-salt-0", "PSS without salt", oms.pss(sha256, 0)),
        ("rsa-pss-salt-20", "PSS with a salt of 20 bytes", oms.pss(sha256, 20)),
        ("rsa-pss-salt-max", "PSS with the longest salt", oms.pss(sha256, 3072 // 8 - 32 - 2)),
        ("rsa-pss-mask", "PSS with SHA-1 in its mask", oms.pss(sha256, 32, hashes.SHA1())),
    ]:
        found = oms.bundle(PAYLOAD, rsa, algorithm=algorithm)
        yield case(label, about, found, INVALID, keys=trusted(name, "rsa-pss-sha256"))
    found = oms.bundle(PAYLOAD, small, algorithm=oms.pss(sha256))
    yield case(
        "rsa-2048", "an RSA key of 2048 bits", found, keys=trusted("rsa-2048", "rsa-pss-sha256")
    )
    plain = oms.bundle(PAYLOAD, ed)
    yield case("ed25519", "ed25519, allowed by the key", plain, keys=trusted("ed25519", "ed25519"))
    yield case(
        "ed25519-no-scheme",
        "an Ed25519 key without a scheme",
        plain,
        NOT_ALLOWED,
        "refuse",
        keys=trusted("ed25519"),
    )
    digest = hashes.Hash(sha512)
    digest.update(pae(PAYLOAD))
    hashed = oms.bundle(PAYLOAD, ed, signature=ed.sign(digest.finalize()))
    yield case(
        "ed25519-of-digest",
        "Ed25519 over a digest of the message",
        hashed,
        INVALID,
        keys=trusted("ed25519", "ed25519"),
    )
    many = (*trusted("rsa-3072", "rsa-pss-sha256"), *trusted("ed25519", "ed25519"), *P256)
    yield case("one-of-three", "one of three trusted keys of different kinds", plain, keys=many)


def cases():
    """All of them."""
    for group in (forms, messages, curves, schemes):
        yield from group()
