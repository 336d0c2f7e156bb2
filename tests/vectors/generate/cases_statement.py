"""The signed payload: statement, serialization, resources, names, ignored paths, shards."""

import contextlib
import json

import oms
from case import Case
from cases_bundle import BASE, KEY, MALFORMED, PAYLOAD, SMALL, STATEMENT, UNSUPPORTED
from oms import drop, dumps, put

SHARDS = {
    "big.bin": bytes(range(250)),
    "colon:1:2": b"a name with colons",
    "d/y.bin": b"y" * 101,
    "empty.bin": b"",
    "exact.bin": b"e" * 200,
}
ORDER = {
    "Z-upper.txt": b"Z\n",
    "a-b/x": b"dash\n",
    "a.txt": b"dot\n",
    "a/x": b"slash\n",
    "b": b"b\n",
}
PEER_ORDER = ["Z-upper.txt", "a/x", "a-b/x", "a.txt", "b"]
RESOURCE = "predicate.resources.0"
SECOND = "predicate.resources.1"
SERIALIZATION = "predicate.serialization"


def case(name, about, payload, code=None, peer=None, **more):
    """A case of this group: the payload, as bytes or as a value, is signed by the common key."""
    payload = payload if isinstance(payload, bytes) else dumps(payload)
    more.setdefault("base", BASE)
    more.setdefault("files", {})
    more["files"]["model.sig"] = dumps(oms.bundle(payload, KEY))
    return Case(f"statement/{name}", about, code, peer=peer, **more)


def write(path, data):
    """A set-up step."""
    return ["write", path, data.hex()]


def forms():
    """JSON forms of the payload."""
    pretty = json.dumps(STATEMENT, indent=2).encode()
    unknown = put(STATEMENT, "extra", {"a": [1, {"b": None}]})
    unknown = put(unknown, "predicate.extra", "x")
    unknown = put(unknown, f"{SERIALIZATION}.extra", 1.5)
    unknown = put(unknown, f"{RESOURCE}.extra", [])
    unknown = put(unknown, "subject.0.extra", True)
    yield case("indented", "an indented payload", pretty, peer="accept")
    yield case("unknown-fields", "unknown fields at every level: ignored", unknown, peer="accept")
    text = PAYLOAD.decode()
    refused = [
        ("empty", "an empty payload", b"", "refuse"),
        ("text", "a payload that is not JSON", b"model", "refuse"),
        ("array", "an array", b"[" + PAYLOAD + b"]", "refuse"),
        ("null", "null", b"null", "refuse"),
        ("object-empty", "an empty object", b"{}", "refuse"),
        ("bom", "a byte order mark", b"\xef\xbb\xbf" + PAYLOAD, "accept"),
        ("utf-16", "UTF-16", text.encode("utf-16"), None),
        ("trailing-data", "a second value after the first", PAYLOAD + b"{}", "refuse"),
        ("truncated", "the last brace is missing", PAYLOAD[:-1], "refuse"),
        (
            "invalid-utf-8",
            "a byte that is not UTF-8",
            PAYLOAD.replace(b'"name":"model"', b'"name":"\xff"'),
            "refuse",
        ),
        (
            "deep",
            "ten thousand arrays in an unknown field",
            PAYLOAD[:-1] + b',"x":' + b"[" * 10000 + b"]" * 10000 + b"}",
            None,
        ),
    ]
    for name, about, payload, peer in refused:
        yield case(f"json-{name}", about, payload, MALFORMED, peer)


def duplicates():
    """The same member twice, at every depth."""
    text = PAYLOAD.decode()
    first = json.dumps(STATEMENT["predicate"]["resources"][0]["digest"])
    unknown = text[:-1] + ',"extra":{"deep":[{"a":1,"a":1}]}}'
    escaped = text[:-1] + ',"extra":{"a":1,"\\u0061":2}}'
    changes = [
        ("type", "_type", '"_type":', f'"_type":"{oms.STATEMENT_TYPE}","_type":'),
        ("subject", "subject", '"subject":', '"subject":[],"subject":'),
        ("predicate", "predicate", '"predicate":', '"predicate":{},"predicate":'),
        ("resources", "the list of resources", '"resources":', '"resources":[],"resources":'),
        ("method", "the method", '"method":', '"method":"shards","method":'),
        (
            "ignore-paths",
            "the ignored paths",
            '"ignore_paths":',
            '"ignore_paths":["w"],"ignore_paths":',
        ),
        (
            "resource-digest",
            "a digest, equal values",
            f'"digest":{first}',
            f'"digest":{first},"digest":{first}',
        ),
        ("resource-name", "a name", '"name":"w/0.bin"', '"name":"w/1.bin","name":"w/0.bin"'),
        (
            "resource-name-escaped",
            "a name, once written with an escape",
            '"name":"w/0.bin"',
            '"n\\u0061me":"w/1.bin","name":"w/0.bin"',
        ),
    ]
    for name, about, old, new in changes:
        assert text.count(old) == 1, name
        yield case(
            f"duplicate-{name}",
            f"a duplicate member: {about}",
            text.replace(old, new).encode(),
            MALFORMED,
            "accept",
        )
    yield case(
        "duplicate-unknown",
        "a duplicate member: inside an unknown object",
        unknown.encode(),
        MALFORMED,
        "accept",
    )
    yield case(
        "duplicate-unknown-escaped",
        "a duplicate member: inside an unknown object, once escaped",
        escaped.encode(),
        MALFORMED,
        "accept",
    )


def subjects():
    """Type, predicate type, subject and root."""
    two = put(STATEMENT, "subject", STATEMENT["subject"] * 2)
    sha512 = put(drop(STATEMENT, "subject.0.digest.sha256"), "subject.0.digest.sha512", "00" * 64)
    annotated = put(STATEMENT, "subject.0.annotations", {"attestations": [], "other": 1})
    provenance = put(
        STATEMENT, "subject.0.annotations", {"attestations": ["https://slsa.dev/provenance/v1"]}
    )
    text = put(
        STATEMENT, "subject.0.annotations", {"attestations": "https://slsa.dev/provenance/v1"}
    )
    swapped = put(STATEMENT, "predicate.resources", STATEMENT["predicate"]["resources"][::-1])
    short = put(
        STATEMENT, "subject.0.digest.sha256", STATEMENT["subject"][0]["digest"]["sha256"][:-2]
    )
    yield case(
        "subject-slash",
        "a subject name with a slash",
        put(STATEMENT, "subject.0.name", "acme/model"),
        peer="accept",
    )
    yield case(
        "subject-hostile",
        "a subject name with control and bidi characters: escaped in every output",
        put(STATEMENT, "subject.0.name", "m\x1b[31m\n\u202e\u2028"),
        peer="accept",
    )
    yield case(
        "subject-more-digests",
        "a second digest of the subject",
        put(STATEMENT, "subject.0.digest.sha512", "00" * 64),
        peer="accept",
    )
    yield case("attestations-none", "no attestation signed along", annotated, peer="accept")
    yield case(
        "attestations-missing",
        "provenance was signed along and is not there",
        provenance,
        "policy/attestation-missing",
        "accept",
    )
    yield case("attestations-text", "the list of attestations is no list", text, MALFORMED)
    yield case(
        "type-other",
        "another statement type",
        put(STATEMENT, "_type", "https://in-toto.io/Statement/v0.1"),
        UNSUPPORTED,
    )
    yield case("type-missing", "no statement type", drop(STATEMENT, "_type"), MALFORMED)
    for name, value in [
        ("v1.1", "https://model_signing/signature/v1.1"),
        ("slsa", "https://slsa.dev/provenance/v1"),
        ("empty", ""),
    ]:
        yield case(
            f"predicate-type-{name}",
            f"another predicate type: {value!r}",
            put(STATEMENT, "predicateType", value),
            UNSUPPORTED,
            "refuse",
        )
    yield case(
        "predicate-type-missing",
        "no predicate type",
        drop(STATEMENT, "predicateType"),
        MALFORMED,
        "refuse",
    )
    yield case("subject-none", "no subject", put(STATEMENT, "subject", []), MALFORMED, "refuse")
    yield case("subject-two", "two subjects", two, MALFORMED, "refuse")
    yield case(
        "subject-missing", "no list of subjects", drop(STATEMENT, "subject"), MALFORMED, "refuse"
    )
    yield case(
        "subject-name-empty",
        "an empty subject name",
        put(STATEMENT, "subject.0.name", ""),
        MALFORMED,
        "accept",
    )
    yield case(
        "subject-name-missing",
        "no subject name",
        drop(STATEMENT, "subject.0.name"),
        MALFORMED,
        "refuse",
    )
    yield case("subject-no-sha256", "a subject without SHA-256", sha512, MALFORMED, "refuse")
    yield case(
        "root-other",
        "a root digest of other resources",
        put(STATEMENT, "subject.0.digest.sha256", "0" * 64),
        MALFORMED,
        "refuse",
    )
    yield case(
        "root-order",
        "the resources in another order than the root digest",
        swapped,
        MALFORMED,
        "refuse",
    )
    yield case("root-short", "a root digest of 31 bytes", short, MALFORMED, "refuse")


def serialization():
    """How files became resources."""
    blake = oms.files(SMALL, "blake2b")

    def changed(resources=None, **fields):
        return oms.statement(oms.files(SMALL) if resources is None else resources, fields)

    yield case(
        "allow-symlinks-absent",
        "allow_symlinks is missing: read as false",
        changed(allow_symlinks=None),
        peer="refuse",
    )
    yield case(
        "allow-symlinks-true",
        "allow_symlinks recorded as true, no link there",
        changed(allow_symlinks=True),
        peer="accept",
    )
    yield case("blake2b", "digests by blake2b", changed(blake, hash_type="blake2b"), peer="refuse")
    yield case(
        "blake2-alias",
        "blake2 recorded for blake2b",
        changed(blake, hash_type="blake2"),
        peer="refuse",
    )
    upper = [{**item, "digest": item["digest"].upper()} for item in oms.files(SMALL)]
    yield case("digest-upper-case", "digests in upper case", changed(upper), peer="accept")
    yield case(
        "method-unknown", "an unknown method", changed(method="blocks"), UNSUPPORTED, "refuse"
    )
    yield case(
        "hash-type-md5", "an unknown hash type", changed(hash_type="md5"), UNSUPPORTED, "accept"
    )
    yield case(
        "hash-type-upper",
        "a hash type in upper case",
        changed(hash_type="SHA256"),
        UNSUPPORTED,
        "accept",
    )
    for name, fields in [
        ("method-missing", {"method": None}),
        ("hash-type-missing", {"hash_type": None}),
        ("allow-symlinks-text", {"allow_symlinks": "false"}),
        ("ignore-paths-text", {"ignore_paths": ".git"}),
        ("ignore-paths-number", {"ignore_paths": [1]}),
        ("files-shard-size", {"shard_size": 100}),
    ]:
        peer = "accept" if name == "files-shard-size" else None
        yield case(
            f"serialization-{name}",
            f"serialization: {name.replace('-', ' ')}",
            changed(**fields),
            MALFORMED,
            peer,
        )
    for name, about, path, value in [
        ("algorithm-upper", "an algorithm in upper case", f"{RESOURCE}.algorithm", "SHA256"),
        (
            "algorithm-other",
            "an algorithm that is not the hash type",
            f"{RESOURCE}.algorithm",
            "blake3",
        ),
        ("algorithm-alias", "the alias blake2 as algorithm", f"{RESOURCE}.algorithm", "blake2"),
        (
            "algorithm-shards",
            "an algorithm of shards for files",
            f"{RESOURCE}.algorithm",
            "sha256-sharded-100",
        ),
    ]:
        yield case(name, about, put(STATEMENT, path, value), MALFORMED)
    first = STATEMENT["predicate"]["resources"][0]["digest"]
    for name, about, value in [
        ("digest-not-hex", "a digest that is not hexadecimal", "g" + first[1:]),
        ("digest-odd", "a digest of an odd number of digits", first[1:]),
        ("digest-short", "a digest of 31 bytes", first[2:]),
        ("digest-long", "a digest of 33 bytes", "00" + first),
        ("digest-empty", "an empty digest", ""),
        ("digest-space", "a digest with a space inside", first[:2] + " " + first[2:]),
        ("digest-prefix", "a digest with the algorithm before it", "sha256:" + first),
        ("digest-number", "a number as digest", 1),
    ]:
        found = put(STATEMENT, f"{RESOURCE}.digest", value)
        with contextlib.suppress(TypeError, ValueError):  # no root can be made of some
            found["subject"][0]["digest"]["sha256"] = oms.root(found["predicate"]["resources"])
        yield case(name, about, found, MALFORMED, "accept" if name == "digest-space" else "refuse")
    for path in [
        "predicate",
        "predicate.serialization",
        "predicate.resources",
        f"{RESOURCE}.name",
        f"{RESOURCE}.algorithm",
        f"{RESOURCE}.digest",
    ]:
        name = path.replace("predicate.resources.0.", "resource-").split(".")[-1]
        yield case(
            f"missing-{name}",
            f"a missing field: {path}",
            drop(STATEMENT, path),
            MALFORMED,
            "refuse",
        )
        yield case(f"null-{name}", f"null: {path}", put(STATEMENT, path, None), MALFORMED, None)
    yield case(
        "resources-object",
        "resources is an object",
        put(STATEMENT, "predicate.resources", {}),
        MALFORMED,
    )
    yield case(
        "resource-text", "a resource is a text", put(STATEMENT, RESOURCE, "config.json"), MALFORMED
    )
    empty = oms.statement([])
    yield case("resources-none", "no resource", empty, "artifact/empty", "refuse")
    flags = ("danger-ignore-unsigned-files",)
    yield case(
        "resources-none-unsigned",
        "no resource, unsigned files ignored",
        empty,
        "artifact/empty",
        "accept",
        flags=flags,
    )


def sizes():
    """`size` in bytes, which modelseal writes into each resource and holds a file to."""

    def sized(first, second=4):
        resources = oms.files(SMALL)
        resources[0]["size"] = first
        resources[1]["size"] = second
        return oms.statement(resources)

    partly = oms.files(SMALL)
    partly[0]["size"] = 3
    yield case("size", "the size of each resource", sized(3), peer="accept")
    yield case(
        "size-partly", "the size of one resource of two", oms.statement(partly), peer="accept"
    )
    for name, value in [("larger", 4), ("smaller", 2), ("zero", 0)]:
        yield case(
            f"size-{name}",
            f"a size of {value} bytes for a file of 3, the digest right",
            sized(value),
            "artifact/modified",
            "accept",
            findings=[["artifact/modified", "config.json"]],
        )
    for name, value in [
        ("negative", -1),
        ("text", "3"),
        ("fraction", 3.5),
        ("boolean", True),
        ("huge", 1e300),
        ("two-to-64", 2**64),
        ("array", [3]),
    ]:
        yield case(
            f"size-{name}",
            f"a size that is no number of bytes: {value!r}",
            sized(value),
            MALFORMED,
            "accept",
        )
    grown = ["truncate", "model/w/0.bin", str(64 << 30)]
    yield case(
        "size-sparse-giant",
        "a file blown up to 64 GiB of nothing: refused by its size, not by reading it",
        sized(3),
        "artifact/modified",
        setup=[grown],
        findings=[["artifact/modified", "w/0.bin"]],
    )


def names():
    """Names of resources."""
    first = STATEMENT["predicate"]["resources"][0]["name"]
    bad = [
        ("absolute", "/config.json", "refuse"),
        ("parent", "../config.json", "refuse"),
        ("parent-inside", "w/../config.json", "refuse"),
        ("parent-end", "w/..", None),
        ("dot-prefix", "./config.json", "accept"),
        ("dot-inside", "w/./0.bin", None),
        ("double-slash", "w//0.bin", None),
        ("trailing-slash", "config.json/", "accept"),
        ("empty", "", None),
        ("slash", "/", None),
        ("nul", "config.json\0", "refuse"),
        ("dot", ".", "refuse"),
        ("dot-dot", "..", None),
    ]
    for name, value, peer in bad:
        # Another spelling of the file's own name, so that the spelling is the one flaw.
        at, spelt = (SECOND, "w/0.bin") if value.endswith("/0.bin") else (RESOURCE, first)
        found = put(STATEMENT, f"{at}.name", value)
        yield case(
            f"name-{name}",
            f"a name that is no path inside the model: {value!r} for {spelt!r}",
            found,
            MALFORMED,
            peer,
        )
    outside = put(STATEMENT, "predicate.resources", oms.files({**SMALL, "../outside": b"out\n"}))
    outside = oms.statement(outside["predicate"]["resources"])
    flags = ("danger-ignore-unsigned-files",)
    setup = [write("outside", b"out\n")]
    yield case("name-outside", "a file beside the model", outside, MALFORMED, "refuse", setup=setup)
    yield case(
        "name-outside-unsigned",
        "a file beside the model, unsigned files ignored",
        outside,
        MALFORMED,
        "accept",
        setup=setup,
        flags=flags,
    )
    resources = oms.files(SMALL)
    same = [resources[0], resources[0], resources[1]]
    other = [{**resources[0], "digest": "0" * 64}, *resources]
    yield case(
        "duplicate-resource",
        "a resource listed twice, equal",
        oms.statement(same),
        MALFORMED,
        "accept",
    )
    yield case(
        "duplicate-resource-other",
        "a resource listed twice, first with another digest",
        oms.statement(other),
        MALFORMED,
        "accept",
    )
    odd = {
        "a../b": b"1",
        "d/..x/...": b"2",
        "...": b"3",
        " ": b"4",
        "C:\\x": b"5",
        "a\u2028b": b"6",
        "x\u202ey": b"7",
        "~": b"8",
        "-rf": b"9",
        "*": b"10",
    }
    made = [["remove", "model"], *[write(f"model/{name}", data) for name, data in odd.items()]]
    yield case(
        "name-odd",
        "odd names that are legal",
        oms.statement(oms.files(odd)),
        setup=made,
        peer="accept",
    )
    both = {"\u00e9": b"composed", "e\u0301": b"decomposed"}
    made = [["remove", "model"], *[write(f"model/{name}", data) for name, data in both.items()]]
    yield case(
        "name-nfc-nfd",
        "one letter composed and decomposed: two files",
        oms.statement(oms.files(both)),
        setup=made,
        peer="accept",
    )
    made = [["remove", "model"], write("model/\u00e9", b"composed")]
    found = oms.statement(oms.files({"e\u0301": b"composed"}))
    yield case(
        "name-nfc-for-nfd",
        "a decomposed name signed, a composed one there",
        found,
        "artifact/missing",
        "refuse",
        setup=made,
        findings=[["artifact/missing", "e\u0301"], ["artifact/unexpected", "\u00e9"]],
    )
    deep = {"/".join(["d"] * 200) + "/x": b"deep"}
    made = [["remove", "model"], *[write(f"model/{name}", data) for name, data in deep.items()]]
    yield case(
        "name-deep",
        "a file two hundred directories down",
        oms.statement(oms.files(deep)),
        setup=made,
        peer="accept",
    )


def single_files():
    """A model that is one file."""
    made = [["write", "weights.bin", b"weights".hex()]]

    def one(name, **fields):
        return oms.statement([oms.resource(name, b"weights")], fields, name="weights.bin")

    yield case(
        "single-dot",
        "a single file under the name `.`",
        one("."),
        setup=made,
        model="weights.bin",
        peer="accept",
    )
    yield case(
        "single-basename",
        "a single file under its own name",
        one("weights.bin"),
        setup=made,
        model="weights.bin",
        peer="refuse",
    )
    two = oms.statement(
        [oms.resource(".", b"weights"), oms.resource("x", b"x")], name="weights.bin"
    )
    yield case(
        "single-dot-and-more",
        "the name `.` beside another",
        two,
        MALFORMED,
        "refuse",
        setup=made,
        model="weights.bin",
    )
    alone = oms.statement([oms.resource(".", b"{}\n")])
    yield case(
        "single-dot-directory", "the name `.` alone, the model a directory", alone, MALFORMED
    )
    changed = [["write", "weights.bin", b"Weights".hex()]]
    yield case(
        "single-modified",
        "a single file, changed",
        one("."),
        "artifact/modified",
        "refuse",
        setup=changed,
        model="weights.bin",
        findings=[["artifact/modified", "."]],
    )


def orders():
    """The order of resources is free, and binds the root digest."""
    content = {item["name"]: item for item in oms.files(ORDER)}
    made = [["remove", "model"], *[write(f"model/{name}", data) for name, data in ORDER.items()]]
    for name, about, listed in [
        (
            "code-point",
            "code points of the whole name, as modelseal and the specification have it",
            sorted(ORDER),
        ),
        ("peer", "path components, as the reference tool has it", PEER_ORDER),
        ("reversed", "any other order", sorted(ORDER, reverse=True)),
    ]:
        found = oms.statement([content[item] for item in listed])
        yield case(
            f"order-{name}", f"order of resources: {about}", found, setup=made, peer="accept"
        )


def ignored():
    """Ignored paths."""

    def ignoring(*paths, resources=None):
        return oms.statement(oms.files(SMALL) if resources is None else resources, ignore=paths)

    absent = drop(STATEMENT, f"{SERIALIZATION}.ignore_paths")
    yield case("ignore-absent", "no ignored paths", absent, peer="accept")
    yield case("ignore-none", "an empty list of ignored paths", ignoring(), peer="accept")
    git = [write("model/.git/HEAD", b"ref\n")]
    yield case(
        "ignore-absent-git",
        "no ignored paths, and a .git on disk: the default names apply",
        absent,
        setup=git,
        uncovered=[".git"],
        peer="accept",
    )
    for name, value in [
        ("dead", "no/such/path"),
        ("glob", "*.bin"),
        ("trailing-slash", "old/"),
        ("glob-set", "[a-z]?"),
        ("gitmodules", ".gitmodules"),
    ]:
        yield case(
            f"ignore-{name}",
            f"an entry that matches nothing: {value!r}",
            ignoring(*oms.GIT_NAMES, value),
            peer="accept",
        )
    extra = [write("model/notes.bin", b"n")]
    found = ignoring("*.bin")
    yield case(
        "ignore-glob-literal",
        "a pattern is a literal name: it covers no other file",
        found,
        "artifact/unexpected",
        "refuse",
        setup=extra,
        findings=[["artifact/unexpected", "notes.bin"]],
    )
    extra = [write("model/a-b/x", b"x"), write("model/a-b/c/y", b"y")]
    yield case(
        "ignore-subtree",
        "an ignored directory, reported once",
        ignoring("a-b"),
        setup=extra,
        uncovered=["a-b"],
        peer="accept",
    )
    yield case(
        "ignore-prefix",
        "an entry covers whole components: `a` is not `a-b`",
        ignoring("a"),
        "artifact/unexpected",
        "refuse",
        setup=extra,
        findings=[["artifact/unexpected", "a-b/c/y"], ["artifact/unexpected", "a-b/x"]],
    )
    nested = [write("model/w/.gitattributes", b"x\n")]
    yield case(
        "ignore-git-nested",
        "git names are ignored at the top only",
        STATEMENT,
        "artifact/unexpected",
        "refuse",
        setup=nested,
        findings=[["artifact/unexpected", "w/.gitattributes"]],
    )
    nested = [write("model/w/x", b"x\n")]
    yield case(
        "ignore-root-only",
        "an entry is a path from the root: `x` is not `w/x`",
        ignoring("x"),
        "artifact/unexpected",
        "refuse",
        setup=nested,
        findings=[["artifact/unexpected", "w/x"]],
    )
    for name, paths in [
        ("dot", ["."]),
        ("empty", [""]),
        ("everything", ["config.json", "w"]),
        ("absolute", ["/tmp/x"]),
        ("root", ["/"]),
        ("parent", ["../x"]),
        ("parent-inside", ["w/../x"]),
        ("parent-alone", [".."]),
    ]:
        yield case(f"ignore-{name}", f"ignored paths {paths!r}", ignoring(*paths), MALFORMED)
    yield case(
        "ignore-resource", "a resource under an ignored path", ignoring("w"), MALFORMED, "refuse"
    )
    yield case(
        "ignore-resource-itself",
        "a resource that is an ignored path",
        ignoring("config.json"),
        MALFORMED,
        "refuse",
    )


def sharded():
    """Method `shards`."""
    made = [["remove", "model"], *[write(f"model/{name}", data) for name, data in SHARDS.items()]]
    good = oms.shards(SHARDS, 100)

    def shard_statement(resources=good, size=100, **fields):
        return oms.statement(resources, {"method": "shards", "shard_size": size, **fields})

    def shard_case(name, about, found, code=None, peer=None, **more):
        if code is None:
            more.setdefault("uncovered", ["empty.bin"])
        more.setdefault("setup", made)
        return case(f"shards-{name}", f"shards: {about}", found, code, peer, **more)

    numeric = sorted(
        good, key=lambda item: (item["name"].rsplit(":", 2)[0], int(item["name"].rsplit(":", 2)[1]))
    )
    plain = [{**item, "algorithm": "sha256"} for item in good]
    yield shard_case(
        "integer", "an integer shard_size, as modelseal writes it", shard_statement(), peer="refuse"
    )
    yield shard_case(
        "float",
        "a float shard_size, as the reference tool writes it",
        shard_statement(size=100.0),
        peer="refuse",
    )
    exponent = dumps(shard_statement(size=7777)).replace(b"7777", b"1e2")
    yield shard_case("exponent", "a shard_size with an exponent", exponent)
    yield shard_case(
        "plain-algorithm",
        "the plain hash name as algorithm, as the specification has it",
        shard_statement(plain),
        peer="refuse",
    )
    yield shard_case(
        "numeric-order", "shards in the order of their numbers", shard_statement(numeric)
    )
    yield shard_case("reversed", "shards in reverse order", shard_statement(good[::-1]))
    blake = oms.shards(SHARDS, 100, "blake2b")
    yield shard_case("blake2b", "digests by blake2b", shard_statement(blake, hash_type="blake2b"))
    largest = oms.shards(SHARDS, 2**53)
    yield shard_case("largest", "the largest shard_size, 2^53", shard_statement(largest, 2**53))
    extra = [*made, write("model/planted.txt", b"")]
    yield shard_case(
        "empty-extra",
        "an empty file more: the form cannot cover it",
        shard_statement(),
        setup=extra,
        uncovered=["empty.bin", "planted.txt"],
    )
    for name, value in [
        ("zero", 0),
        ("negative", -100),
        ("fraction", 100.5),
        ("less-than-one", 0.5),
        ("text", "100"),
        ("huge", 1e300),
        ("two-to-63", 2**63),
        ("above-two-to-53", 2**53 + 2),
        ("boolean", True),
        ("null", None),
    ]:
        found = put(shard_statement(), f"{SERIALIZATION}.shard_size", value)
        yield shard_case(f"size-{name}", f"a shard_size of {value!r}", found, MALFORMED)
    yield shard_case("size-missing", "no shard_size", shard_statement(size=None), MALFORMED)

    def renamed(old, new):
        """The good shards, one under another name: only the ranges are wrong."""
        resources = [
            {**item, "name": new if item["name"] == old else item["name"]} for item in good
        ]
        assert resources != good
        return shard_statement(resources)

    def without(name):
        return shard_statement([item for item in good if item["name"] != name])

    other = [{**item, "algorithm": "sha256-sharded-200"} for item in good]
    crossed = [*[item for item in good if not item["name"].startswith("exact.bin")]]
    crossed += oms.shards({"exact.bin": SHARDS["exact.bin"]}, 150, label="sha256-sharded-100")
    for name, about, found in [
        ("algorithm-other-size", "an algorithm of another shard size", shard_statement(other)),
        ("gap", "the middle of a file is missing", without("big.bin:100:200")),
        ("no-start", "the start of a file is missing", without("big.bin:0:100")),
        ("overlap", "two shards overlap", renamed("big.bin:100:200", "big.bin:50:150")),
        ("wrong-size", "shards of another size than shard_size", shard_statement(crossed)),
        (
            "short-middle",
            "a shard that is not the last and is short",
            renamed("big.bin:100:200", "big.bin:100:180"),
        ),
        (
            "long-last",
            "a last shard that is too long",
            renamed("big.bin:200:250", "big.bin:200:301"),
        ),
        ("empty-range", "a shard of no byte", renamed("big.bin:200:250", "big.bin:200:200")),
        ("backwards", "start after end", renamed("big.bin:200:250", "big.bin:250:200")),
        ("negative", "a negative start", renamed("big.bin:0:100", "big.bin:-0:100")),
        ("plus", "a plus sign", renamed("big.bin:0:100", "big.bin:+0:100")),
        ("leading-zero", "a leading zero", renamed("big.bin:0:100", "big.bin:00:100")),
        ("space", "a space", renamed("big.bin:0:100", "big.bin: 0:100")),
        ("hex", "a hexadecimal number", renamed("big.bin:0:100", "big.bin:0:0x64")),
        (
            "unicode-digit",
            "digits of another script",
            renamed("big.bin:0:100", "big.bin:0:\u0661\u0660\u0660"),
        ),
        (
            "absurd-end",
            "an end beyond any file",
            renamed("big.bin:200:250", "big.bin:200:99999999999999999999999"),
        ),
        ("no-range", "a name without a range", renamed("big.bin:0:100", "big.bin")),
        ("half-range", "a name with half of a range", renamed("big.bin:0:100", "big.bin:0")),
        ("no-name", "a range without a name", renamed("big.bin:0:100", ":0:100")),
        (
            "parent",
            "a name that leaves the model",
            renamed("exact.bin:0:100", "../exact.bin:0:100"),
        ),
        ("duplicate", "a shard listed twice", shard_statement([good[0], *good])),
    ]:
        yield shard_case(name, about, found, MALFORMED)
    for name, about, step in [
        (
            "changed",
            "a byte of the second shard changed",
            write("model/big.bin", bytes(range(100)) + b"!" + bytes(range(101, 250))),
        ),
        ("shorter", "the file ends at a shard's end", write("model/big.bin", bytes(range(200)))),
        ("longer", "a byte after the last shard", ["append", "model/big.bin", "00"]),
        (
            "longer-whole",
            "a byte after a file of whole shards",
            ["append", "model/exact.bin", "00"],
        ),
        ("emptied", "the file has become empty", write("model/big.bin", b"")),
    ]:
        file = "exact.bin" if name == "longer-whole" else "big.bin"
        yield shard_case(
            name,
            about,
            shard_statement(),
            "artifact/modified",
            setup=[*made, step],
            findings=[["artifact/modified", file]],
        )
    gone = [*made, ["remove", "model/d/y.bin"]]
    yield shard_case(
        "missing",
        "a file is missing",
        shard_statement(),
        "artifact/missing",
        setup=gone,
        findings=[["artifact/missing", "d/y.bin"]],
    )
    extra = [*made, write("model/extra.bin", b"x")]
    yield shard_case(
        "unexpected",
        "a file too many",
        shard_statement(),
        "artifact/unexpected",
        setup=extra,
        findings=[["artifact/unexpected", "extra.bin"]],
    )


def cases():
    """All of them."""
    for group in (
        forms,
        duplicates,
        subjects,
        serialization,
        sizes,
        names,
        single_files,
        orders,
        ignored,
        sharded,
    ):
        yield from group()
