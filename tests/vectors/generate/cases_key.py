"""Key and anchor files that are not usable, and odd ones that are."""

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

import oms
from case import Case
from cases_bundle import KEY

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
GENERATOR = (
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)


def der(tag, *content):
    """One DER value."""
    data = b"".join(content)
    size = len(data)
    long = size.to_bytes((size.bit_length() + 7) // 8, "big")
    head = bytes([size]) if size < 128 else bytes([0x80 | len(long)]) + long
    return bytes([tag]) + head + data


def number(value):
    """DER INTEGER."""
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def pem(data, label="PUBLIC KEY"):
    """PEM in 64 columns."""
    text = oms.b64(data)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def spki(parameters, point):
    """An EC SubjectPublicKeyInfo."""
    algorithm = der(0x30, bytes.fromhex("06072a8648ce3d0201"), parameters)
    return pem(der(0x30, algorithm, der(0x03, b"\0" + point)))


def explicit_parameters():
    """P-256 spelt out instead of named."""
    field = der(0x30, bytes.fromhex("06072a8648ce3d0101"), number(P))
    curve = der(0x30, der(0x04, (P - 3).to_bytes(32, "big")), der(0x04, B.to_bytes(32, "big")))
    return der(
        0x30, number(1), field, curve, der(0x04, bytes.fromhex(GENERATOR)), number(N), number(1)
    )


def make_files():
    """Writes the odd forms of keys/p256, except those that exist (encryption is random)."""
    point = KEY.der[-65:]
    named = bytes.fromhex("06082a8648ce3d030107")
    sec1 = KEY.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    made = {
        "p256-encrypted.pem": KEY.private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"test")
        ),
        "p256-sec1.pem": pem(named, "EC PARAMETERS") + sec1,
        "p256.pub.der": KEY.der,
        "p256-crlf.pub.pem": KEY.pem.replace(b"\n", b"\r\n"),
        "p256-explicit.pub.pem": spki(explicit_parameters(), point),
        "p256-off-curve.pub.pem": spki(named, point[:-1] + bytes([point[-1] ^ 1])),
        "p256-infinity.pub.pem": spki(named, b"\0"),
        "p256-trailing.pub.pem": pem(KEY.der + b"\0"),
    }
    for name, data in made.items():
        path = oms.KEYS / name
        if not path.exists():
            path.write_bytes(data)


def case(name, about, file, code=None, scheme=None, **more):
    """A good model and bundle, and another key file."""
    key = {"path": f"keys/{file}", **({"scheme": scheme} if scheme else {})}
    keys = () if more.get("anchors") else (key,)
    more.setdefault("bundle", "model/model.sig")
    return Case(
        f"key/{name}", about, code, base=more.pop("base", "key-p384-files"), keys=keys, **more
    )


def cases():
    """All of them."""
    make_files()
    for name in ("p224", "secp256k1"):
        yield case(
            name,
            f"a key on {name}",
            f"{oms.Key(name).name}.pub.pem",
            "key/unsupported",
            peer="refuse",
        )
    yield case(
        "explicit", "a curve spelt out instead of named", "p256-explicit.pub.pem", "key/unsupported"
    )
    oms.Key("rsa-1024")
    yield case(
        "rsa-1024", "an RSA key of 1024 bits", "rsa-1024.pub.pem", "key/weak", "rsa-pss-sha256"
    )
    yield case(
        "private",
        "a private key where a public one belongs",
        "p384.pem",
        "key/wrong-form",
        peer="refuse",
    )
    yield case(
        "private-sec1",
        "a SEC 1 private key where a public one belongs",
        "p256-sec1.pem",
        "key/wrong-form",
        peer="refuse",
    )
    yield case(
        "private-encrypted",
        "an encrypted private key where a public one belongs",
        "p256-encrypted.pem",
        "key/wrong-form",
        peer="refuse",
    )
    yield case(
        "certificate",
        "a certificate where a public key belongs",
        "cert-leaf-p256.pem",
        "key/wrong-form",
        peer="refuse",
    )
    yield case("der", "DER where PEM belongs", "p256.pub.der", "key/wrong-form", peer="refuse")
    yield case("text", "a text where a key belongs", "README.md", "key/malformed", peer="refuse")
    yield case(
        "off-curve", "a point that is not on the curve", "p256-off-curve.pub.pem", "key/malformed"
    )
    yield case("infinity", "the point at infinity", "p256-infinity.pub.pem", "key/malformed")
    yield case(
        "trailing", "a byte after the key, inside the PEM", "p256-trailing.pub.pem", "key/malformed"
    )
    yield Case(
        "key/crlf",
        "a key file with CRLF line ends: the same key, the same hint",
        base="key-p256-detached",
        bundle="outside.sig",
        keys=({"path": "keys/p256-crlf.pub.pem"},),
        flags=("no-ignore-git-paths",),
        peer="accept",
    )
    yield Case(
        "key/none",
        "nothing trusted",
        "usage/arguments",
        base="key-p384-files",
        bundle="model/model.sig",
        keys=(),
    )
    common = {"base": "cert-p256", "bundle": "model.sig"}
    yield case(
        "anchor-public",
        "a public key where an anchor belongs",
        "",
        "key/wrong-form",
        anchors=("keys/p256.pub.pem",),
        peer="refuse",
        **common,
    )
    yield case(
        "anchor-private",
        "a private key where an anchor belongs",
        "",
        "key/wrong-form",
        anchors=("keys/p256.pem",),
        peer="refuse",
        **common,
    )
    yield case(
        "anchor-text",
        "a text where an anchor belongs",
        "",
        "key/malformed",
        anchors=("keys/README.md",),
        peer="refuse",
        **common,
    )
    for name in ("p256", "p384"):
        yield Case(
            f"key/test-{name}",
            "a published test key, refused unless allowed",
            "key/test-key",
            base=f"key-{name}-files",
            bundle="model/model.sig",
            keys=({"path": f"keys/{name}.pub.pem"},),
            allow_test_keys=False,
        )
