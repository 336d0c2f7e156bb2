"""Certificate chains, all under published keys, so that runs are repeatable."""

import hashlib
from datetime import datetime, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import oms
from case import Case
from cases_bundle import BASE, PAYLOAD
from oms import b64, dumps, put

UNTRUSTED, TIME, NOT_ALLOWED = (
    "signature/untrusted-certificate",
    "signature/certificate-time",
    "signature/scheme-not-allowed",
)
MALFORMED = "format/malformed"
LEAF, OTHER, ROOT_KEY, INT_KEY = (
    oms.Key("p256"),
    oms.Key("p256-other"),
    oms.Key("ca-root"),
    oms.Key("ca-int"),
)
RSA_KEY, RSA_SMALL, RSA_WEAK = oms.Key("rsa-3072"), oms.Key("rsa-2048"), oms.Key("rsa-1024")
CODE_SIGNING, SERVER = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH
YEARS = (2025, 2045)


def name(text):
    """A distinguished name."""
    parts = [(NameOID.ORGANIZATION_NAME, "modelseal test"), (NameOID.COMMON_NAME, text)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def usage(*names):
    """A key usage extension."""
    known = [
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ]
    return x509.KeyUsage(**{item: item in names for item in known})


class Authority:
    """A certificate and the key that it certifies."""

    def __init__(
        self,
        subject,
        key,
        issuer=None,
        *,
        years=YEARS,
        ca=True,
        length=None,
        keys=("key_cert_sign", "crl_sign"),
        purposes=None,
        more=(),
        algorithm=None,
        subject_is_issuer=False,
        constraints=True,
    ):
        self.key = key
        issuer_name = issuer.certificate.subject if issuer else name(subject)
        self.subject = issuer_name if subject_is_issuer else name(subject)
        issuer_key = issuer.key if issuer else key
        serial = (
            int.from_bytes(
                hashlib.sha256(f"{subject}{years}{issuer_name}".encode()).digest()[:8], "big"
            )
            | 1
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(issuer_name)
            .public_key(key.public)
            .serial_number(serial)
            .not_valid_before(datetime(years[0], 1, 1, tzinfo=timezone.utc))
            .not_valid_after(datetime(years[1], 1, 1, tzinfo=timezone.utc))
        )
        if constraints:
            builder = builder.add_extension(x509.BasicConstraints(ca, length), critical=True)
        if keys:
            builder = builder.add_extension(usage(*keys), critical=True)
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        for extension, critical in more:
            builder = builder.add_extension(extension, critical)
        is_ec = isinstance(issuer_key.private, ec.EllipticCurvePrivateKey)
        algorithm = algorithm or (hashes.SHA384() if is_ec else hashes.SHA256())
        options = {"ecdsa_deterministic": True} if is_ec else {}
        self.certificate = builder.sign(issuer_key.private, algorithm, **options)

    @property
    def der(self):
        """DER bytes."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self):
        """PEM text."""
        return self.certificate.public_bytes(Encoding.PEM)


class Leaf(Authority):
    """A leaf as a signer would have it, unless told otherwise."""

    def __init__(
        self,
        issuer,
        key=LEAF,
        *,
        subject="leaf",
        keys=("digital_signature",),
        purposes=(CODE_SIGNING,),
        ca=False,
        **more,
    ):
        super().__init__(subject, key, issuer, keys=keys, purposes=purposes, ca=ca, **more)


ROOT = Authority("root", ROOT_KEY, length=3)
MIDDLE = Authority("intermediate", INT_KEY, ROOT, length=0)


def bundle_of(leaf, *helpers, signature=None):
    """A bundle of the certificate method, signed by the leaf's key."""
    chain = [{"rawBytes": b64(item.der)} for item in (leaf, *helpers)]
    material = {"x509CertificateChain": {"certificates": chain}, "tlogEntries": []}
    if isinstance(leaf.key.private, rsa.RSAPrivateKey):
        signature = signature or leaf.key.sign(oms.pae(PAYLOAD), oms.pss(oms.SHA256))
    return oms.bundle(PAYLOAD, leaf.key, material=material, signature=signature)


def case(label, about, found, code=None, peer=None, anchor=ROOT, **more):
    """A case of this group; the anchor lies beside the bundle."""
    files = {
        "model.sig": dumps(found),
        "anchor.pem": anchor.pem if isinstance(anchor, Authority) else anchor,
    }
    path = f"certificate/{label}"
    return Case(
        path,
        about,
        code,
        base=BASE,
        files=files,
        keys=(),
        anchors=(f"{path}/anchor.pem",),
        peer=peer,
        **more,
    )


def accepted():
    """Chains that hold."""
    leaf = Leaf(MIDDLE)
    yield case(
        "chain", "leaf and intermediate, the root given", bundle_of(leaf, MIDDLE), peer="accept"
    )
    yield case(
        "root-embedded", "the root in the bundle too", bundle_of(leaf, MIDDLE, ROOT), peer="accept"
    )
    yield case(
        "shuffled",
        "leaf first, then the others in any order",
        bundle_of(leaf, ROOT, MIDDLE),
        peer="accept",
    )
    direct = Leaf(ROOT)
    yield case("direct", "a leaf directly under the root", bundle_of(direct), peer="accept")
    yield case(
        "intermediate-anchor",
        "the intermediate alone as anchor",
        bundle_of(leaf, MIDDLE),
        anchor=MIDDLE,
        peer="refuse",
    )
    deep = [Authority("level 1", INT_KEY, ROOT, length=1)]
    deep.append(Authority("level 2", OTHER, deep[0], length=0))
    yield case(
        "two-intermediates",
        "two intermediates",
        bundle_of(Leaf(deep[1]), deep[1], deep[0]),
        peer="accept",
    )
    own = Leaf(None, subject="own")
    yield case(
        "self-signed",
        "a self-signed leaf that is itself the anchor",
        bundle_of(own),
        anchor=own,
        peer="accept",
    )
    ca = Leaf(MIDDLE, ca=True)
    yield case(
        "leaf-ca",
        "a leaf with CA:true",
        bundle_of(ca, Authority("intermediate", INT_KEY, ROOT, length=0)),
        peer="accept",
    )
    rsa_root = Authority("rsa root", RSA_KEY)
    rsa_middle = Authority("intermediate-ca", RSA_SMALL, rsa_root)
    same = Leaf(rsa_middle, oms.Key("p384"), ca=True, subject_is_issuer=True)
    yield case(
        "leaf-ca-issuer-name",
        "CA:true, and a leaf named as its issuer, under RSA authorities",
        bundle_of(same, rsa_middle),
        anchor=rsa_root,
        peer="accept",
    )
    yield case(
        "rsa-authorities",
        "an EC leaf under RSA authorities of 2048 and 3072 bits",
        bundle_of(Leaf(rsa_middle), rsa_middle),
        anchor=rsa_root,
        peer="accept",
    )
    for curve in ("p384", "p521"):
        yield case(
            f"leaf-{curve}",
            f"a leaf with a {curve} key",
            bundle_of(Leaf(MIDDLE, oms.Key(curve)), MIDDLE),
            peer="accept",
        )
    old = Leaf(MIDDLE, years=(2010, 2045))
    yield case(
        "leaf-older",
        "a leaf older than its authorities, all valid now",
        bundle_of(old, MIDDLE),
        peer="refuse",
    )
    bare = Leaf(MIDDLE, purposes=None)
    yield case(
        "no-purpose",
        "digitalSignature without an extended key usage",
        bundle_of(bare, MIDDLE),
        peer="accept",
    )
    purpose = Leaf(MIDDLE, keys=None)
    yield case(
        "no-usage", "codeSigning without a key usage", bundle_of(purpose, MIDDLE), peer="accept"
    )
    several = Leaf(MIDDLE, purposes=(SERVER, CODE_SIGNING))
    yield case(
        "purposes", "codeSigning beside another purpose", bundle_of(several, MIDDLE), peer="accept"
    )
    stranger = Authority("stranger", OTHER)
    yield case(
        "extra",
        "a certificate that has nothing to do with the chain",
        bundle_of(leaf, stranger, MIDDLE),
        peer="accept",
    )
    both = MIDDLE.pem + ROOT.pem
    yield case(
        "anchor-file-of-two",
        "two certificates in the file of anchors",
        bundle_of(leaf, MIDDLE),
        anchor=both,
        peer="accept",
    )


def untrusted():
    """Chains that do not hold."""
    leaf = Leaf(MIDDLE)
    impostor = Authority("root", OTHER, length=3)
    stranger = Authority("stranger", OTHER)
    yield case(
        "anchor-in-bundle-only",
        "the root in the bundle, another one given",
        bundle_of(leaf, MIDDLE, ROOT),
        UNTRUSTED,
        "refuse",
        anchor=stranger,
    )
    yield case(
        "anchor-same-name",
        "an anchor with the right name and another key",
        bundle_of(leaf, MIDDLE),
        UNTRUSTED,
        "refuse",
        anchor=impostor,
    )
    yield case(
        "missing-intermediate", "the intermediate is missing", bundle_of(leaf), UNTRUSTED, "refuse"
    )
    own = Leaf(None, subject="own")
    yield case(
        "self-signed-leaf",
        "a self-signed leaf that nobody pinned",
        bundle_of(own),
        UNTRUSTED,
        "refuse",
    )
    forged = Leaf(Authority("intermediate", OTHER, ROOT, length=0))
    yield case(
        "issuer-same-name",
        "a leaf signed by another key under the intermediate's name",
        bundle_of(forged, MIDDLE),
        UNTRUSTED,
        "refuse",
    )
    broken = Leaf(MIDDLE)
    chain = bundle_of(broken, MIDDLE)
    der = broken.der[:-1] + bytes([broken.der[-1] ^ 1])
    path = "verificationMaterial.x509CertificateChain.certificates.0.rawBytes"
    yield case(
        "leaf-bit-flip",
        "the last bit of the leaf's signature changed",
        put(chain, path, b64(der)),
        UNTRUSTED,
        "refuse",
    )
    for label, about, changes, peer in [
        (
            "usage-other",
            "a leaf whose key usage lacks digitalSignature",
            {"keys": ("key_agreement",), "purposes": None},
            "refuse",
        ),
        (
            "usage-other-code-signing",
            "a leaf without digitalSignature, codeSigning named",
            {"keys": ("key_agreement",)},
            "accept",
        ),
        ("purpose-server", "a leaf for servers only", {"purposes": (SERVER,)}, "accept"),
        (
            "purpose-server-no-usage",
            "a leaf for servers only, without key usage",
            {"purposes": (SERVER,), "keys": None},
            "refuse",
        ),
        (
            "usage-none",
            "a leaf with neither key usage nor extended key usage",
            {"purposes": None, "keys": None},
            "refuse",
        ),
    ]:
        yield case(label, about, bundle_of(Leaf(MIDDLE, **changes), MIDDLE), UNTRUSTED, peer)
    unknown = (
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"),
        True,
    )
    yield case(
        "leaf-critical-extension",
        "a critical extension of the leaf that nobody knows",
        bundle_of(Leaf(MIDDLE, more=[unknown]), MIDDLE),
        UNTRUSTED,
        "refuse",
    )
    for label, about, changes in [
        ("ca-false", "an intermediate with CA:false", {"ca": False}),
        ("ca-no-constraints", "an intermediate without basic constraints", {"constraints": False}),
        ("ca-usage", "an intermediate whose key usage lacks keyCertSign", {"keys": ("crl_sign",)}),
        (
            "ca-critical-extension",
            "a critical extension of the intermediate that nobody knows",
            {"more": [unknown]},
        ),
    ]:
        middle = Authority("intermediate", INT_KEY, ROOT, **changes)
        yield case(label, about, bundle_of(Leaf(middle), middle), UNTRUSTED, "refuse")
    leaf_as_ca = Leaf(MIDDLE, OTHER, subject="leaf as authority")
    yield case(
        "leaf-as-authority",
        "a leaf that signed another leaf",
        bundle_of(Leaf(leaf_as_ca), leaf_as_ca, MIDDLE),
        UNTRUSTED,
        "refuse",
    )
    below = Authority("below", OTHER, MIDDLE)
    yield case(
        "path-length",
        "an authority below one that allows none",
        bundle_of(Leaf(below), below, MIDDLE),
        UNTRUSTED,
        "refuse",
    )
    root = Authority("short root", ROOT_KEY, length=0)
    middle = Authority("intermediate", INT_KEY, root)
    yield case(
        "path-length-anchor",
        "the anchor allows no authority below it",
        bundle_of(Leaf(middle), middle),
        UNTRUSTED,
        "refuse",
        anchor=root,
    )
    weak = Authority("weak intermediate", RSA_WEAK, ROOT)
    yield case(
        "rsa-1024",
        "an intermediate with an RSA key of 1024 bits",
        bundle_of(Leaf(weak), weak),
        UNTRUSTED,
    )
    links = [ROOT]
    for level in range(6):
        links.append(Authority(f"level {level}", (INT_KEY, OTHER)[level % 2], links[-1]))
    endless = Authority("endless root", ROOT_KEY)
    links[0] = endless
    yield case(
        "too-deep",
        "six intermediates: deeper than is looked at",
        bundle_of(Leaf(links[-1]), *links[:0:-1]),
        UNTRUSTED,
        anchor=endless,
    )
    swapped = bundle_of(leaf, MIDDLE)
    certificates = "verificationMaterial.x509CertificateChain.certificates"
    chain = swapped["verificationMaterial"]["x509CertificateChain"]["certificates"]
    yield case(
        "leaf-last",
        "the intermediate first: it is taken for the leaf",
        put(swapped, certificates, chain[::-1]),
        UNTRUSTED,
        "refuse",
    )


def times():
    """Validity."""
    leaf = Leaf(MIDDLE)
    past, future = (2020, 2021), (2045, 2050)
    stamps = "verificationMaterial.timestampVerificationData"
    token = {"rfc3161Timestamps": [{"signedTimestamp": b64(bytes.fromhex("3003020100"))}]}
    expired = bundle_of(Leaf(MIDDLE, years=past), MIDDLE)
    yield case("leaf-expired", "the leaf has expired", expired, TIME, None)
    yield case(
        "leaf-expired-stamped",
        "the leaf has expired; a time stamp that nobody verified moves no clock",
        put(expired, stamps, token),
        TIME,
    )
    yield case(
        "leaf-not-yet",
        "the leaf is not yet valid",
        bundle_of(Leaf(MIDDLE, years=future), MIDDLE),
        TIME,
        None,
    )
    for label, about, years in [
        ("expired", "has expired", past),
        ("not-yet", "is not yet valid", future),
    ]:
        middle = Authority("intermediate", INT_KEY, ROOT, length=0, years=years)
        yield case(
            f"intermediate-{label}",
            f"the intermediate {about}",
            bundle_of(Leaf(middle), middle),
            TIME,
        )
        root = Authority("root", ROOT_KEY, years=years)
        middle = Authority("intermediate", INT_KEY, root)
        yield case(
            f"root-{label}",
            f"the anchor {about}",
            bundle_of(Leaf(middle), middle),
            TIME,
            anchor=root,
        )
    yield case(
        "in-2046",
        "everything has expired by then",
        bundle_of(leaf, MIDDLE),
        TIME,
        at="2046-01-01T00:00:00Z",
    )


def keys():
    """Leaf keys, and signatures by other keys."""
    leaf = Leaf(MIDDLE)
    for label, about, key in [
        ("rsa", "an RSA leaf", RSA_KEY),
        ("ed25519", "an Ed25519 leaf", oms.Key("ed25519")),
        ("secp256k1", "a leaf on secp256k1", oms.Key("secp256k1")),
        ("p224", "a leaf on P-224", oms.Key("p224")),
    ]:
        peer = (
            "accept" if label == "secp256k1" else "refuse"
        )  # it looks at the size of the curve only
        yield case(f"leaf-{label}", about, bundle_of(Leaf(MIDDLE, key), MIDDLE), NOT_ALLOWED, peer)
    wrong = bundle_of(leaf, MIDDLE, signature=OTHER.sign(oms.pae(PAYLOAD)))
    yield case(
        "signature-other",
        "signed by a key that is not the leaf's",
        wrong,
        "signature/invalid",
        "refuse",
    )
    by_ca = bundle_of(leaf, MIDDLE, signature=INT_KEY.sign(oms.pae(PAYLOAD)))
    yield case(
        "signature-authority",
        "signed by the intermediate's key",
        by_ca,
        "signature/invalid",
        "refuse",
    )
    p384 = oms.Key("p384")
    sha256 = bundle_of(
        Leaf(MIDDLE, p384), MIDDLE, signature=p384.sign(oms.pae(PAYLOAD), oms.SHA256)
    )
    yield case("p384-sha256", "a P-384 leaf with SHA-256", sha256, "signature/invalid", "refuse")


def malformed():
    """Chains that cannot be read."""
    good = bundle_of(Leaf(MIDDLE), MIDDLE)
    chain = "verificationMaterial.x509CertificateChain"
    first = f"{chain}.certificates.0.rawBytes"
    leaf = Leaf(MIDDLE)
    for label, about, found in [
        ("chain-empty", "an empty chain", put(good, f"{chain}.certificates", [])),
        ("chain-missing", "no list of certificates", put(good, chain, {})),
        ("chain-null", "null as a certificate", put(good, f"{chain}.certificates.0", None)),
        ("garbage", "a certificate that is none", put(good, first, b64(b"certificate"))),
        ("pem", "a certificate as PEM", put(good, first, b64(leaf.pem))),
        ("trailing", "a byte after the certificate", put(good, first, b64(leaf.der + b"\0"))),
        (
            "unknown-field",
            "an unknown field beside a certificate",
            put(good, f"{chain}.certificates.0.extra", 1),
        ),
        ("unknown-field-chain", "an unknown field beside the list", put(good, f"{chain}.extra", 1)),
        (
            "base64-newline",
            "a newline in the base64 of a certificate",
            put(good, first, b64(leaf.der)[:64] + "\n" + b64(leaf.der)[64:]),
        ),
    ]:
        yield case(label, about, found, MALFORMED)


def cases():
    """All of them."""
    for group in (accepted, untrusted, times, keys, malformed):
        yield from group()
