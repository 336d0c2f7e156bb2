"""The form of the bundle: JSON, fields, base64, key material."""

import hashlib
import json

import oms
from case import P256, Case
from oms import b64, drop, dumps, put

SMALL = {"config.json": b"{}\n", "w/0.bin": b"abcd"}
BASE = "models/small"
KEY = oms.Key("p256")
OTHER = oms.Key("p256-other")
STATEMENT = oms.statement(oms.files(SMALL))
PAYLOAD = dumps(STATEMENT)
GOOD = oms.bundle(PAYLOAD, KEY)
SIGNATURE = "dsseEnvelope.signatures.0.sig"
MALFORMED, UNSUPPORTED, UNKNOWN = "format/malformed", "format/unsupported", "signature/unknown-key"

# A DER SEQUENCE: all that is asked of a time stamp token that nobody verifies.
TOKEN = bytes.fromhex("30030201 00")
TLOG_ENTRY = {
    "logIndex": "1",
    "logId": {"keyId": b64(bytes(32))},
    "kindVersion": {"kind": "dsse", "version": "0.0.1"},
    "integratedTime": "1735689600",
    "inclusionPromise": {"signedEntryTimestamp": b64(bytes(8))},
    "inclusionProof": {
        "logIndex": "1",
        "rootHash": b64(bytes(32)),
        "treeSize": "2",
        "hashes": [b64(bytes(32))],
        "checkpoint": {"envelope": "log.example\n2\n"},
    },
    "canonicalizedBody": b64(b"{}"),
}


def case(name, about, raw, code=None, peer=None, **more):
    """A case of this group; `raw` is the bundle as bytes or as a value."""
    raw = raw if isinstance(raw, bytes) else dumps(raw)
    return Case(
        f"bundle/{name}", about, code, base=BASE, files={"model.sig": raw}, peer=peer, **more
    )


def padded(pad):
    """A good bundle whose payload ends with `pad` padding characters in base64."""
    for spaces in range(3):
        payload = PAYLOAD + b" " * spaces
        if b64(payload).count("=") == pad:
            return oms.bundle(payload, KEY)
    raise AssertionError("three lengths in a row leave three different rests")


def with_url_alphabet():
    """A good bundle whose signature needs the characters in which the alphabets differ."""
    for spaces in range(100):
        found = oms.bundle(PAYLOAD + b" " * spaces, KEY)
        text = found["dsseEnvelope"]["signatures"][0]["sig"]
        if "+" in text and "/" in text:
            return put(found, SIGNATURE, text.replace("+", "-").replace("/", "_"))
    raise AssertionError("no such signature")


def spare_bits(text):
    """The same bytes when decoded carelessly: the unused bits before `==` are not zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    assert text.endswith("==")
    return text[:-3] + alphabet[alphabet.index(text[-3]) + 1] + "=="


def material(**fields):
    """A good bundle with other verification material."""
    return oms.bundle(PAYLOAD, KEY, material=fields)


def accepted():
    """Forms that must be read."""
    text = dumps(GOOD)
    plain = drop(drop(GOOD, "verificationMaterial.tlogEntries"), "dsseEnvelope.signatures.0.keyid")
    both = ({"path": "keys/p256-other.pub.pem"}, *P256)
    no_hint = drop(GOOD, "verificationMaterial.publicKey.hint")
    tlog = put(GOOD, "verificationMaterial.tlogEntries", [TLOG_ENTRY])
    stamps = "verificationMaterial.timestampVerificationData"
    stamped = put(GOOD, stamps, {"rfc3161Timestamps": [{"signedTimestamp": b64(TOKEN)}]})
    reordered = {key: GOOD[key] for key in reversed(GOOD)}
    escaped = text.replace(b'"mediaType"', b'"\\u006dediaType"')
    old = {"keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    yield case("compact", "compact JSON, as modelseal writes it", text, peer="accept")
    yield case("indented", "indented JSON", json.dumps(GOOD, indent=2).encode(), peer="accept")
    yield case("trailing-newline", "a newline at the end", text + b"\n", peer="accept")
    yield case("leading-space", "white space before the JSON", b" \n\t" + text, peer="accept")
    yield case("field-order", "the fields in another order", reordered, peer="accept")
    yield case("key-escaped", "a field name written with an escape", escaped, peer="accept")
    yield case(
        "go-style", "neither tlogEntries nor keyid, as the Go tool writes it", plain, peer="accept"
    )
    yield case("keyid-absent", "no keyid", drop(GOOD, "dsseEnvelope.signatures.0.keyid"))
    for name, value in [
        ("null", None),
        ("empty", ""),
        ("other", "any text"),
        ("unicode", "é\u2028\u202e"),
    ]:
        yield case(
            f"keyid-{name}",
            f"keyid {value!a}: not used",
            put(GOOD, "dsseEnvelope.signatures.0.keyid", value),
        )
    yield case("hint-selects", "the hint selects one of two trusted keys", GOOD, keys=both)
    yield case("hint-absent", "no hint: the signature decides", no_hint, peer="accept")
    yield case("hint-absent-two-keys", "no hint: every trusted key is tried", no_hint, keys=both)
    empty = put(GOOD, "verificationMaterial.publicKey.hint", "")
    yield case("hint-empty", "an empty hint: the signature decides", empty, peer="accept")
    yield case(
        "raw-bytes-pem",
        "before 1.1: the key itself as PEM",
        material(publicKey={"rawBytes": b64(KEY.pem), **old}),
        peer="accept",
    )
    yield case(
        "raw-bytes-der",
        "before 1.1: the key itself as DER",
        material(publicKey={"rawBytes": b64(KEY.der), **old}),
        peer="accept",
    )
    lie = {"rawBytes": b64(KEY.pem), "keyDetails": "PKIX_ECDSA_P384_SHA_384"}
    yield case(
        "key-details-lie", "keyDetails that does not fit the key: not used", material(publicKey=lie)
    )
    yield case(
        "tlog-filled",
        "a log entry, which is reported as not checked",
        tlog,
        unchecked=["transparency-log"],
    )
    yield case(
        "timestamps-empty", "an empty object of time stamps", put(GOOD, stamps, {}), peer="accept"
    )
    yield case(
        "timestamps-none",
        "an empty list of time stamps",
        put(GOOD, stamps, {"rfc3161Timestamps": []}),
    )
    yield case(
        "timestamps-unverified",
        "a time stamp, which is reported as not checked",
        stamped,
        unchecked=["timestamps"],
        peer="accept",
    )


def not_json():
    """Bytes that are not one JSON object in UTF-8."""
    text = dumps(GOOD)
    refused = [
        ("empty", "an empty file", b"", "refuse"),
        ("blank", "white space alone", b" \n", "refuse"),
        ("text", "not JSON", b"modelseal\n", "refuse"),
        ("truncated", "cut off in the middle", text[: len(text) // 2], "refuse"),
        ("truncated-brace", "the last brace is missing", text[:-1], "refuse"),
        ("bom", "a byte order mark before the JSON", b"\xef\xbb\xbf" + text, "refuse"),
        ("utf-16", "UTF-16 with a byte order mark", text.decode().encode("utf-16"), "refuse"),
        (
            "utf-16-be",
            "UTF-16 without a byte order mark",
            text.decode().encode("utf-16-be"),
            "refuse",
        ),
        (
            "invalid-utf-8",
            "a byte that is not UTF-8 in a string",
            text.replace(b'"keyid":""', b'"keyid":"\xff"'),
            "refuse",
        ),
        (
            "lone-surrogate",
            "half of a surrogate pair",
            text.replace(b'"keyid":""', b'"keyid":"\\ud800"'),
            None,
        ),
        (
            "raw-newline",
            "a raw newline in a string",
            text.replace(b'"keyid":""', b'"keyid":"\n"'),
            "refuse",
        ),
        ("trailing-data", "a second value after the first", text + b"{}", "refuse"),
        ("trailing-nul", "a NUL at the end", text + b"\0", "refuse"),
        ("trailing-comma", "a comma before the last brace", text[:-1] + b",}", "refuse"),
        ("comment", "a comment", b"// bundle\n" + text, "refuse"),
        ("single-quotes", "single quotes", text.replace(b'"', b"'"), "refuse"),
        (
            "nan",
            "a number that is not one in JSON",
            text.replace(b'"keyid":""', b'"keyid":NaN'),
            "refuse",
        ),
        ("array", "an array around the bundle", b"[" + text + b"]", "refuse"),
        ("string", "a string", b'"bundle"', "refuse"),
        ("null", "null", b"null", "refuse"),
        ("number", "a number", b"1", "refuse"),
        ("object-empty", "an empty object", b"{}", "refuse"),
        (
            "deep",
            "ten thousand arrays inside each other",
            b'{"mediaType":' + b"[" * 10000 + b"]" * 10000 + b"}",
            "refuse",
        ),
        ("deep-open", "ten thousand objects opened", b'{"a":' * 10000, "refuse"),
        ("pem", "a key where the bundle should be", KEY.pem, "refuse"),
    ]
    for name, about, raw, peer in refused:
        yield case(f"json-{name}", about, raw, MALFORMED, peer)


def duplicates():
    """The same member twice: two readers may see two meanings."""
    text = dumps(GOOD).decode()
    tlog = dumps(put(GOOD, "verificationMaterial.tlogEntries", [TLOG_ENTRY])).decode()
    media, hint = json.dumps(oms.MEDIA_TYPE), json.dumps(KEY.id)
    payload = json.dumps(GOOD["dsseEnvelope"]["payload"])
    changes = [
        (
            "top",
            "at the top level, equal values",
            '{"mediaType":',
            '{"mediaType":' + media + ',"mediaType":',
        ),
        (
            "top-other",
            "at the top level, the first of another version",
            '{"mediaType":',
            '{"mediaType":"","mediaType":',
        ),
        (
            "escaped",
            "once written with an escape",
            '{"mediaType":',
            '{"\\u006dediaType":' + media + ',"mediaType":',
        ),
        ("hint", "the hint", '"hint":', f'"hint":{hint},"hint":'),
        ("payload", "the payload", '"payload":', f'"payload":{payload},"payload":'),
        ("payload-empty", "the payload, the first empty", '"payload":', '"payload":"","payload":'),
        ("signatures", "the list of signatures", '"signatures":', '"signatures":[],"signatures":'),
        ("sig", "the signature", '"sig":', '"sig":"","sig":'),
        ("keyid", "a member that is not used", '"keyid":""', '"keyid":"","keyid":""'),
        (
            "material",
            "the verification material",
            '"verificationMaterial":',
            '"verificationMaterial":{},"verificationMaterial":',
        ),
    ]
    for name, about, old, new in changes:
        assert text.count(old) == 1
        yield case(
            f"duplicate-{name}",
            f"a duplicate member: {about}",
            text.replace(old, new).encode(),
            MALFORMED,
            "accept",
        )
    raw = tlog.replace('"version":', '"version":"0","version":').encode()
    yield case(
        "duplicate-in-log-entry",
        "a duplicate member: inside an entry that is not checked",
        raw,
        MALFORMED,
    )


def fields():
    """Fields unknown, missing, null or of another type."""
    levels = [
        "",
        "verificationMaterial.",
        "verificationMaterial.publicKey.",
        "dsseEnvelope.",
        "dsseEnvelope.signatures.0.",
    ]
    for level in levels:
        name = level.rstrip(".").split(".")[-1].replace("0", "signature") or "top"
        yield case(
            f"unknown-{name}",
            f"an unknown field: {level}extra",
            put(GOOD, f"{level}extra", 1),
            MALFORMED,
            "refuse",
        )
    required = [
        "mediaType",
        "verificationMaterial",
        "verificationMaterial.publicKey",
        "dsseEnvelope",
        "dsseEnvelope.payload",
        "dsseEnvelope.payloadType",
        "dsseEnvelope.signatures",
        SIGNATURE,
    ]
    nullable = [*required, "verificationMaterial.tlogEntries", "dsseEnvelope.signatures.0"]
    for path in required:
        name = path.split(".")[-1]
        yield case(
            f"missing-{name}", f"a missing field: {path}", drop(GOOD, path), MALFORMED, "refuse"
        )
    for path in nullable:
        name = "signature" if path.endswith(".0") else path.split(".")[-1]
        yield case(f"null-{name}", f"null: {path}", put(GOOD, path, None), MALFORMED, "refuse")
        yield case(
            f"type-{name}",
            f"a number where it does not belong: {path}",
            put(GOOD, path, 1),
            MALFORMED,
            "refuse",
        )
    stamps = "verificationMaterial.timestampVerificationData"
    yield case(
        "null-hint",
        "null: the hint",
        put(GOOD, "verificationMaterial.publicKey.hint", None),
        MALFORMED,
        "accept",
    )
    yield case(
        "type-hint",
        "a number as hint",
        put(GOOD, "verificationMaterial.publicKey.hint", 1),
        MALFORMED,
        "refuse",
    )
    yield case(
        "type-keyid",
        "a number as keyid",
        put(GOOD, "dsseEnvelope.signatures.0.keyid", 1),
        MALFORMED,
        "refuse",
    )
    yield case("null-timestamps", f"null: {stamps}", put(GOOD, stamps, None), MALFORMED)
    for name, token in [("base64", "!"), ("bytes", b64(b"\0\0\0")), ("empty", "")]:
        value = {"rfc3161Timestamps": [{"signedTimestamp": token}]}
        about = f"a time stamp that is no DER SEQUENCE in base64: {token!r}"
        yield case(f"timestamp-garbage-{name}", about, put(GOOD, stamps, value), MALFORMED)
    two = GOOD["dsseEnvelope"]["signatures"] * 2
    bad = {"sig": b64(OTHER.sign(oms.pae(PAYLOAD))), "keyid": ""}
    path = "dsseEnvelope.signatures"
    yield case("signatures-none", "no signature", put(GOOD, path, []), MALFORMED, "refuse")
    yield case("signatures-two", "two signatures, both good", put(GOOD, path, two), MALFORMED)
    yield case(
        "signatures-good-bad",
        "two signatures, a good and a bad",
        put(GOOD, path, [two[0], bad]),
        MALFORMED,
        "accept",
    )
    yield case(
        "signatures-bad-good",
        "two signatures, a bad and a good",
        put(GOOD, path, [bad, two[0]]),
        MALFORMED,
        "refuse",
    )
    yield case(
        "signatures-object",
        "one signature without a list",
        put(GOOD, path, two[0]),
        MALFORMED,
        "refuse",
    )


def kinds():
    """Other media types, payload types and methods."""
    for name, value in [
        ("json-version", "application/vnd.dev.sigstore.bundle+json;version=0.3"),
        ("patch", "application/vnd.dev.sigstore.bundle.v0.3.1+json"),
        ("v0.2", "application/vnd.dev.sigstore.bundle.v0.2+json"),
        ("v0.4", "application/vnd.dev.sigstore.bundle.v0.4+json"),
        ("json", "application/json"),
        ("empty", ""),
    ]:
        yield case(
            f"media-type-{name}",
            f"another media type: {value!r}",
            put(GOOD, "mediaType", value),
            UNSUPPORTED,
            "refuse",
        )
    for name, value in [
        ("json", "application/json"),
        ("upper", "application/vnd.in-toto+JSON"),
        ("empty", ""),
    ]:
        about = f"another payload type: {value!r}"
        found = put(GOOD, "dsseEnvelope.payloadType", value)
        signed = put(found, SIGNATURE, b64(KEY.sign(oms.pae(PAYLOAD, value))))
        yield case(f"payload-type-{name}", about, found, UNSUPPORTED, "refuse")
        yield case(
            f"payload-type-{name}-signed", f"{about}, signed as such", signed, UNSUPPORTED, "refuse"
        )
    message = {
        "messageDigest": {"algorithm": "SHA2_256", "digest": b64(bytes(32))},
        "signature": b64(bytes(70)),
    }
    signed = {**drop(GOOD, "dsseEnvelope"), "messageSignature": message}
    yield case(
        "message-signature", "a signature over a digest instead of an envelope", signed, UNSUPPORTED
    )
    leaf = {"rawBytes": b64(oms.ROOT.joinpath("keys/cert-leaf-p256.pem").read_bytes())}
    keyless = material(certificate=leaf, tlogEntries=[TLOG_ENTRY])
    yield case("keyless", "a bundle of the keyless method", keyless, UNSUPPORTED)
    hint, chain = {"hint": KEY.id}, {"certificates": [leaf]}
    none = material(tlogEntries=[])
    yield case("material-none", "neither key nor certificate", none, MALFORMED, "refuse")
    both = material(publicKey=hint, x509CertificateChain=chain, tlogEntries=[])
    yield case("material-key-and-chain", "a key and a chain", both, MALFORMED, "refuse")
    both = material(publicKey=hint, certificate=leaf, tlogEntries=[])
    yield case("material-key-and-certificate", "a key and a certificate", both, MALFORMED, "refuse")


def key_material():
    """Hints and keys inside the bundle that do not fit the trusted key."""
    hint = "verificationMaterial.publicKey.hint"
    der = hashlib.sha256(KEY.der).hexdigest()
    trimmed = hashlib.sha256(KEY.pem.rstrip(b"\n")).hexdigest()
    for name, about, value in [
        ("other", "the hint of another key, the signature good", OTHER.id),
        ("upper-case", "the hint in upper case", KEY.id.upper()),
        ("of-der", "the SHA-256 of the key's DER as hint", der),
        ("of-trimmed-pem", "the SHA-256 of the PEM without its last newline as hint", trimmed),
        ("text", "a text as hint", "my key"),
    ]:
        yield case(f"hint-{name}", about, put(GOOD, hint, value), UNKNOWN, "refuse")
    signed = oms.bundle(PAYLOAD, OTHER)
    yield case("other-key", "signed by a key that is not trusted", signed, UNKNOWN, "refuse")
    details = {"keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    pem, der = b64(OTHER.pem), b64(OTHER.der)
    yield case(
        "raw-bytes-other-pem",
        "another key inside, as PEM",
        material(publicKey={"rawBytes": pem, **details}),
        UNKNOWN,
        "accept",
    )
    yield case(
        "raw-bytes-other-der",
        "another key inside, as DER",
        material(publicKey={"rawBytes": der, **details}),
        UNKNOWN,
        "accept",
    )
    both = material(publicKey={"hint": KEY.id, "rawBytes": pem})
    yield case(
        "raw-bytes-contradict-hint", "the right hint and another key", both, UNKNOWN, "accept"
    )


def base64_forms():
    """One encoding only: standard alphabet, padded, nothing else."""
    one, two = padded(1), padded(2)
    text = two["dsseEnvelope"]["payload"]
    path = "dsseEnvelope.payload"
    forms = [
        (
            "newline",
            "a newline in the middle",
            put(two, path, text[:76] + "\n" + text[76:]),
            "accept",
        ),
        ("crlf", "CRLF in the middle", put(two, path, text[:76] + "\r\n" + text[76:]), None),
        ("trailing-newline", "a newline at the end", put(two, path, text + "\n"), None),
        ("space", "a space at the front", put(two, path, " " + text), "accept"),
        ("unpadded", "no padding", put(two, path, text.rstrip("=")), "refuse"),
        ("half-padded", "half of the padding", put(two, path, text[:-1]), "refuse"),
        (
            "over-padded",
            "padding of one too many",
            put(one, path, one["dsseEnvelope"]["payload"] + "="),
            "accept",
        ),
        (
            "padding-inside",
            "padding in the middle",
            put(two, path, text[:4] + "==" + text[4:]),
            "accept",
        ),
        ("spare-bits", "spare bits that are not zero", put(two, path, spare_bits(text)), None),
        ("garbage", "characters outside the alphabet", put(two, path, "!" + text[1:]), "refuse"),
        ("not-ascii", "a letter that is not ASCII", put(two, path, "\uff21" + text[1:]), "refuse"),
        ("sig-url", "the URL alphabet in the signature", with_url_alphabet(), "refuse"),
        (
            "sig-newline",
            "a newline in the signature",
            put(GOOD, SIGNATURE, GOOD["dsseEnvelope"]["signatures"][0]["sig"] + "\n"),
            None,
        ),
    ]
    for name, about, found, peer in forms:
        yield case(f"base64-{name}", f"base64: {about}", found, MALFORMED, peer)
    raw = {"rawBytes": b64(KEY.pem) + "\n"}
    yield case(
        "base64-raw-bytes-newline",
        "base64: a newline after the key",
        material(publicKey=raw),
        MALFORMED,
    )


def cases():
    """All of them."""
    for group in (accepted, not_json, duplicates, fields, kinds, key_material, base64_forms):
        yield from group()
