"""What lies on disk, against good bundles; and the cases over the peer-made models."""

import oms
from case import Case, load_bytes
from cases_bundle import KEY, SMALL
from oms import dumps

MODIFIED, MISSING, UNEXPECTED, SYMLINK = (
    "artifact/modified",
    "artifact/missing",
    "artifact/unexpected",
    "artifact/symlink",
)
P384 = ({"path": "keys/p384.pub.pem"},)
UNSIGNED, LINKS, NO_GIT = (
    ("danger-ignore-unsigned-files",),
    ("danger-allow-symlinks",),
    ("no-ignore-git-paths",),
)

# What modelseal itself writes: sizes, annotations, the attestation file among the ignored paths.
OURS_IGNORED = [
    ".git",
    ".gitattributes",
    ".github",
    ".gitignore",
    "model.attestations.jsonl",
    "model.sig",
]


def on_disk(name, about, setup, code=None, peer=None, **more):
    """A change to the model `key-p384-files`, whose bundle lies inside."""
    more.setdefault("bundle", "model/model.sig")
    return Case(
        f"files/{name}",
        about,
        code,
        base="key-p384-files",
        setup=setup,
        keys=P384,
        peer=peer,
        **more,
    )


def write(path, data=b"x\n"):
    """A set-up step."""
    return ["write", path, data.hex()]


def contents():
    """Changed, missing, extra."""
    config, weights = "model/config.json", "model/w/0.bin"
    for name, about, step in [
        ("first-byte", "the first byte changed", write(weights, b"Abcd")),
        ("last-byte", "the last byte changed", write(weights, b"abcD")),
        ("shorter", "a byte less", write(weights, b"abc")),
        ("longer", "a byte more", ["append", weights, "00"]),
        ("emptied", "emptied", write(weights, b"")),
        ("swapped", "the content of another signed file", write(weights, b"{}\n")),
    ]:
        yield on_disk(
            f"modified-{name}",
            f"a file: {about}",
            [step],
            MODIFIED,
            "refuse",
            findings=[[MODIFIED, "w/0.bin"]],
        )
    both = [write(config), write(weights)]
    yield on_disk(
        "modified-both",
        "two files changed",
        both,
        MODIFIED,
        "refuse",
        findings=[[MODIFIED, "config.json"], [MODIFIED, "w/0.bin"]],
    )
    extra = [write("model/w/1.bin")]
    found = [[UNEXPECTED, "w/1.bin"]]
    yield on_disk("extra", "a file too many", extra, UNEXPECTED, "refuse", findings=found)
    yield on_disk(
        "extra-unsigned",
        "a file too many, unsigned files ignored",
        extra,
        peer="accept",
        flags=UNSIGNED,
        uncovered=["w/1.bin"],
    )
    yield on_disk(
        "extra-empty",
        "an empty file too many",
        [write("model/w/1.bin", b"")],
        UNEXPECTED,
        "refuse",
        findings=found,
    )
    yield on_disk(
        "extra-hidden",
        "a hidden file too many",
        [write("model/.env")],
        UNEXPECTED,
        "refuse",
        findings=[[UNEXPECTED, ".env"]],
    )
    yield on_disk(
        "extra-signature",
        "a second bundle too many",
        [write("model/other.sig")],
        UNEXPECTED,
        "refuse",
        findings=[[UNEXPECTED, "other.sig"]],
    )
    gone = [["remove", weights]]
    found = [[MISSING, "w/0.bin"]]
    yield on_disk("missing", "a file is missing", gone, MISSING, "refuse", findings=found)
    yield on_disk(
        "missing-all-switches",
        "a file is missing, every switch given",
        gone,
        MISSING,
        "refuse",
        findings=found,
        flags=(*LINKS, *UNSIGNED, "danger-accept-legacy"),
    )
    yield on_disk(
        "missing-all",
        "every file is missing",
        [["remove", weights], ["remove", config]],
        MISSING,
        "refuse",
        findings=[[MISSING, "config.json"], [MISSING, "w/0.bin"]],
    )
    yield on_disk(
        "missing-directory-there",
        "a directory where the file was",
        [["remove", weights], ["mkdir", weights]],
        MISSING,
        "refuse",
        findings=found,
    )
    renamed = [["rename", weights, "model/w/1.bin"]]
    yield on_disk(
        "renamed",
        "a file under another name",
        renamed,
        MISSING,
        "refuse",
        findings=[[MISSING, "w/0.bin"], [UNEXPECTED, "w/1.bin"]],
    )
    yield on_disk(
        "renamed-unsigned",
        "a file under another name, unsigned files ignored",
        renamed,
        MISSING,
        "refuse",
        flags=UNSIGNED,
        findings=found,
    )
    yield on_disk(
        "ignored-by-caller",
        "the caller ignores a listed file: it is checked all the same",
        [write(weights, b"Abcd")],
        MODIFIED,
        "refuse",
        ignore=("w/0.bin",),
        findings=[[MODIFIED, "w/0.bin"]],
    )
    yield on_disk(
        "ignored-by-caller-good",
        "the caller ignores a listed file, which is right",
        [],
        peer="refuse",
        ignore=("w/0.bin",),
    )
    yield on_disk(
        "extra-ignored-by-caller",
        "the caller ignores the file too many",
        extra,
        peer="accept",
        ignore=("w/1.bin",),
        uncovered=["w/1.bin"],
    )


def harmless():
    """What no signature covers."""
    yield on_disk(
        "root-renamed",
        "the model under another name",
        [["rename", "model", "other"]],
        peer="accept",
        model="other",
        bundle="other/model.sig",
    )
    yield on_disk(
        "root-link",
        "the model reached through a link",
        [["rename", "model", "real"], ["symlink", "real", "model"]],
        peer="refuse",
    )
    yield on_disk(
        "bundle-outside",
        "the bundle moved out of the model",
        [["rename", "model/model.sig", "model.sig"]],
        peer="accept",
        bundle="model.sig",
    )
    yield on_disk(
        "bundle-renamed",
        "the bundle under a name that is not among the ignored paths",
        [["rename", "model/model.sig", "model/x.sig"]],
        peer="accept",
        bundle="model/x.sig",
    )
    yield on_disk(
        "mode", "other permission bits", [["chmod", "model/w/0.bin", "755"]], peer="accept"
    )
    yield on_disk(
        "time", "another modification time", [["touch", "model/w/0.bin", "1"]], peer="accept"
    )
    yield on_disk(
        "empty-directory", "an empty directory more", [["mkdir", "model/x/y"]], peer="accept"
    )
    planted = [
        write("model/.git/hooks/pre-commit"),
        write("model/.github/workflows/x.yml"),
        write("model/.gitignore"),
        write("model/.gitattributes"),
    ]
    yield on_disk(
        "git-planted",
        "git files planted: reported",
        planted,
        peer="accept",
        uncovered=[".git", ".gitattributes", ".github", ".gitignore"],
    )
    for name, step in [("git", planted[0]), ("github", planted[1]), ("gitignore", planted[2])]:
        yield on_disk(
            f"{name}-refused",
            f"planted {step[1]}, git paths not ignored",
            [step],
            UNEXPECTED,
            None,
            flags=NO_GIT,
        )
    for name in (".gitignore", ".gitattributes"):
        step = write(f"model/{name}/evil.py")
        yield on_disk(
            f"{name[1:]}-directory",
            f"a directory named {name}, which is ignored as a file only",
            [step],
            UNEXPECTED,
            "accept",
        )
    moved = ["rename", "model/model.sig", "model.sig"]
    yield on_disk(
        "bundle-directory",
        "a directory under the name of the ignored bundle, the bundle elsewhere",
        [moved, write("model/model.sig/evil.py")],
        UNEXPECTED,
        "accept",
        bundle="model.sig",
    )


def links():
    """Symbolic links."""
    weights = "model/w/0.bin"
    inside = [["rename", weights, "model/w/1.bin"], ["symlink", "1.bin", weights]]
    config = [["remove", weights], ["symlink", "../config.json", weights]]
    listed = [[SYMLINK, "w/0.bin"]]
    outside = [["rename", weights, "outside.bin"], ["symlink", "../../outside.bin", weights]]
    away = [["rename", "model/w", "w"], ["symlink", "../w", "model/w"]]
    added = [["symlink", "config.json", "model/link"]]
    yield on_disk(
        "link-listed",
        "a listed file replaced by a link",
        config,
        SYMLINK,
        "refuse",
        findings=listed,
    )
    yield on_disk(
        "link-added", "a link too many", added, SYMLINK, "refuse", findings=[[SYMLINK, "link"]]
    )
    yield on_disk(
        "link-other-content",
        "links allowed: a link to other content",
        config,
        MODIFIED,
        "refuse",
        flags=LINKS,
        findings=[[MODIFIED, "w/0.bin"]],
    )
    yield on_disk(
        "link-outside",
        "a link to equal content outside the model",
        outside,
        SYMLINK,
        "refuse",
        findings=listed,
    )
    yield on_disk(
        "link-outside-allowed",
        "links allowed: a link to equal content outside the model",
        outside,
        SYMLINK,
        "accept",
        flags=LINKS,
        findings=listed,
    )
    absolute = [["remove", weights], ["symlink", "/etc/hostname", weights]]
    yield on_disk(
        "link-absolute",
        "links allowed: a link to an absolute path",
        absolute,
        SYMLINK,
        "refuse",
        flags=LINKS,
        findings=listed,
    )
    broken = [["remove", weights], ["symlink", "nowhere", weights]]
    yield on_disk(
        "link-broken",
        "links allowed: a broken link",
        broken,
        SYMLINK,
        "refuse",
        flags=LINKS,
        findings=listed,
    )
    loop = [["remove", weights], ["symlink", "0.bin", weights]]
    yield on_disk(
        "link-loop",
        "links allowed: a link to itself",
        loop,
        SYMLINK,
        "refuse",
        flags=LINKS,
        findings=listed,
    )
    added = [["symlink", "broken", "model/w/x"]]
    yield on_disk(
        "link-broken-added",
        "links allowed: a broken link too many",
        added,
        SYMLINK,
        None,
        flags=LINKS,
        findings=[[SYMLINK, "w/x"]],
    )
    directory = [["symlink", "w", "model/x"]]
    yield on_disk(
        "link-directory",
        "links allowed: a link to a directory",
        directory,
        SYMLINK,
        "accept",
        flags=LINKS,
        findings=[[SYMLINK, "x"]],
    )
    yield on_disk(
        "link-directory-unsigned",
        "links allowed and unsigned files ignored: a link to a directory, reported",
        directory,
        flags=(*LINKS, *UNSIGNED),
        uncovered=["x"],
        peer="accept",
    )
    parent = [["symlink", "..", "model/w/up"]]
    yield on_disk(
        "link-parent",
        "links allowed: a link to the directory above",
        parent,
        SYMLINK,
        "accept",
        flags=LINKS,
        findings=[[SYMLINK, "w/up"]],
    )
    yield on_disk(
        "link-away",
        "the directory of a listed file is a link out of the model",
        away,
        SYMLINK,
        "refuse",
    )
    yield on_disk(
        "link-away-allowed",
        "links allowed: the directory of a listed file is a link out of the model",
        away,
        SYMLINK,
        "refuse",
        flags=LINKS,
    )
    ignored = [["symlink", "/etc", "model/.git"]]
    yield on_disk(
        "link-ignored",
        "a link under an ignored path: not looked at, reported",
        ignored,
        uncovered=[".git"],
        peer="refuse",
    )
    # Content equal, target inside, the bundle records false: only the switch decides.
    bundle = dumps(oms.bundle(dumps(oms.statement(oms.files({**SMALL, "w/1.bin": b"abcd"}))), KEY))
    common = {"base": "models/small", "files": {"model.sig": bundle}}
    yield Case(
        "files/link-inside",
        "a link to equal content inside the model",
        SYMLINK,
        setup=inside,
        peer="refuse",
        findings=listed,
        **common,
    )
    yield Case(
        "files/link-inside-allowed",
        "links allowed: a link to equal content inside the model",
        setup=inside,
        flags=LINKS,
        peer="accept",
        **common,
    )


def special():
    """FIFOs."""
    weights = "model/w/0.bin"
    yield on_disk(
        "fifo",
        "a FIFO too many",
        [["mkfifo", "model/fifo"]],
        UNEXPECTED,
        None,
        findings=[[UNEXPECTED, "fifo"]],
    )
    yield on_disk(
        "fifo-listed",
        "a FIFO where the file was",
        [["remove", weights], ["mkfifo", weights]],
        MISSING,
        None,
        findings=[[MISSING, "w/0.bin"]],
    )
    yield on_disk(
        "fifo-ignored",
        "a FIFO under an ignored path",
        [["mkdir", "model/.git"], ["mkfifo", "model/.git/fifo"]],
        uncovered=[".git"],
    )


def ours():
    """The form that modelseal writes, its bundle inside."""
    resources = [{**item, "size": len(SMALL[item["name"]])} for item in oms.files(SMALL)]
    found = oms.statement(resources, ignore=OURS_IGNORED)
    bundle = dumps(oms.bundle(dumps(found), KEY))
    common = {
        "base": "models/small",
        "bundle": "model/model.sig",
        "files": {"model/model.sig": bundle},
    }
    yield Case("files/ours", "as modelseal writes it, the bundle inside", peer="accept", **common)
    step = write("model/model.attestations.jsonl/evil.py")
    yield Case(
        "files/ours-attestations-directory",
        "a directory under the name of the attestation file",
        UNEXPECTED,
        setup=[step],
        peer="accept",
        **common,
    )


def peer_made():
    """The models signed by real releases."""

    def made(path, about, code=None, peer=None, key="p256", **more):
        keys = () if more.get("anchors") else ({"path": f"keys/{key}.pub.pem"},)
        return Case(path, about, code, keys=more.pop("keys", keys), peer=peer, **more)

    inside = {"bundle": "model/model.sig"}
    git = [".gitattributes", ".github"]
    yield made("key-p256-files", "the common form", peer="accept", uncovered=git, **inside)
    yield made(
        "key-p256-files#no-git",
        "the common form, git paths not ignored",
        UNEXPECTED,
        "accept",
        flags=NO_GIT,
        **inside,
    )
    yield made(
        "key-p256-files#nested",
        "a nested .gitattributes is signed",
        MODIFIED,
        "refuse",
        setup=[write("model/sub/.gitattributes")],
        findings=[[MODIFIED, "sub/.gitattributes"]],
        **inside,
    )
    yield made(
        "key-p256-files#other-key",
        "another key trusted",
        "signature/unknown-key",
        "refuse",
        key="p256-other",
        **inside,
    )
    yield made(
        "key-p256-files#other-curve",
        "a key of another curve trusted",
        "signature/unknown-key",
        "refuse",
        key="p384",
        **inside,
    )
    anchors = ("keys/cert-root.pem",)
    yield made(
        "key-p256-files#as-certificate",
        "checked as a certificate bundle",
        "signature/wrong-method",
        "refuse",
        anchors=anchors,
        **inside,
    )
    yield made(
        "key-p256-files#test-key",
        "published test keys are refused unless allowed",
        "key/test-key",
        allow_test_keys=False,
        **inside,
    )
    yield made(
        "key-p384-files",
        "P-384, worked through in the documentation",
        peer="accept",
        key="p384",
        **inside,
    )
    yield made("key-p521-files", "P-521", peer="accept", key="p521", **inside)
    outside = {"bundle": "outside.sig"}
    # The reference tool refuses: it must be told --no-ignore-git-paths again.
    yield made(
        "key-p256-detached",
        "bundle outside, no ignored paths, .gitattributes listed",
        peer="refuse",
        **outside,
    )
    step = ["append", "model/.gitattributes", "0a"]
    yield made(
        "key-p256-detached#modified",
        "a listed .gitattributes is checked",
        MODIFIED,
        "refuse",
        setup=[step],
        findings=[[MODIFIED, ".gitattributes"]],
        **outside,
    )
    yield made(
        "key-p256-ignore-paths",
        "paths ignored by the signer are reported",
        peer="accept",
        uncovered=["README.md", "ignored-dir"],
        **inside,
    )
    yield made(
        "key-p256-odd-names", "odd names", setup=[["tree", "files.json", "model"]], peer="accept"
    )
    yield made(
        "key-p256-single-file",
        "a single file",
        model="weights.bin",
        bundle="weights.bin.sig",
        peer="accept",
    )
    both = [[SYMLINK, "link.bin"], [SYMLINK, "linkdir"]]
    yield made(
        "key-p256-symlinks",
        "links in a bundle that records them as allowed",
        SYMLINK,
        "refuse",
        findings=both,
        **inside,
    )
    yield made(
        "key-p256-symlinks#allowed",
        "links allowed: the link to a directory is signed by nothing",
        SYMLINK,
        "accept",
        flags=LINKS,
        findings=[[SYMLINK, "linkdir"]],
        **inside,
    )
    yield made(
        "key-p256-symlinks#unsigned",
        "links allowed and unsigned files ignored",
        flags=(*LINKS, *UNSIGNED),
        uncovered=["linkdir"],
        peer="accept",
        **inside,
    )
    yield made(
        "key-p256-empty-model",
        "a signature over no file",
        "artifact/empty",
        "accept",
        setup=[["mkdir", "model"]],
    )
    yield made("key-p256-files-blake2b", "blake2b", peer="refuse")
    yield made("key-p256-files-blake3", "blake3", peer="refuse", uncovered=git)
    changed = write("model/a.txt", b"x")
    yield made(
        "key-p256-files-blake3#modified",
        "blake3, a file changed",
        MODIFIED,
        "refuse",
        setup=[changed],
        findings=[[MODIFIED, "a.txt"]],
    )
    for name, key in [
        ("key-p256-shards-100-sha256", "p256"),
        ("key-p256-shards-default", "p256"),
        ("key-p384-shards-blake2b", "p384"),
    ]:
        yield made(name, "shards", key=key, uncovered=["empty.bin"], peer="refuse")
        yield made(
            f"{name}#modified",
            "shards, a byte more",
            MODIFIED,
            "refuse",
            key=key,
            setup=[["append", "model/big.bin", "00"]],
            findings=[[MODIFIED, "big.bin"]],
        )
    root, intermediate = ("keys/cert-root.pem",), ("keys/cert-int.pem",)
    time = "signature/certificate-time"
    yield made(
        "cert-p256", "leaf and intermediate in the bundle, root given", anchors=root, peer="accept"
    )
    yield made(
        "cert-p256#intermediate",
        "the intermediate alone as anchor",
        anchors=intermediate,
        peer="refuse",
    )
    yield made(
        "cert-p256#both-anchors", "root and intermediate as anchors", anchors=(*root, *intermediate)
    )
    yield made(
        "cert-p256#leaf-anchor", "the leaf itself as anchor", anchors=("keys/cert-leaf-p256.pem",)
    )
    yield made("cert-p256#no-anchor", "nothing trusted", "usage/arguments", keys=())
    yield made("cert-p256#as-key", "checked as a key bundle", "signature/wrong-method", "refuse")
    yield made(
        "cert-p256#modified",
        "a file changed",
        MODIFIED,
        "refuse",
        anchors=root,
        setup=[write("model/w.bin")],
        findings=[[MODIFIED, "w.bin"]],
    )
    for name, at, code in [
        ("at-not-before", "2025-01-01T00:00:00Z", None),
        ("before", "2024-12-31T23:59:59Z", time),
        ("at-not-after", "2045-01-01T00:00:00Z", None),
        ("after", "2045-01-01T00:00:01Z", time),
    ]:
        yield made(f"cert-p256#{name}", f"the clock at {at}", code, anchors=root, at=at)
    yield made("cert-p256-expired-leaf", "the leaf has expired", time, "accept", anchors=root)
    yield made(
        "cert-p256-expired-leaf#at",
        "the leaf had not expired",
        anchors=root,
        at="2025-01-01T12:00:00Z",
    )
    yield made("legacy-0.2.0-key", "the form of 0.2.0", "format/legacy", "accept")
    legacy = ("danger-accept-legacy",)
    yield made(
        "legacy-0.2.0-key#accepted",
        "the form of 0.2.0, legacy accepted",
        flags=legacy,
        peer="accept",
    )
    yield made(
        "legacy-0.2.0-key#modified",
        "the form of 0.2.0, legacy accepted, a file changed",
        MODIFIED,
        "refuse",
        flags=legacy,
        setup=[write("model/a/x", b"X\n")],
        findings=[[MODIFIED, "a/x"]],
    )
    yield made(
        "legacy-0.2.0-key#extra",
        "the form of 0.2.0, legacy accepted, a file too many",
        UNEXPECTED,
        "refuse",
        flags=legacy,
        setup=[write("model/z")],
        findings=[[UNEXPECTED, "z"]],
    )
    yield made(
        "legacy-0.2.0-key#missing",
        "the form of 0.2.0, legacy accepted, a file missing",
        MISSING,
        "refuse",
        flags=legacy,
        setup=[["remove", "model/a/x"]],
        findings=[[MISSING, "a/x"]],
    )
    yield made(
        "legacy-0.2.0-key#other-key",
        "the form of 0.2.0, another key trusted",
        "signature/unknown-key",
        "refuse",
        flags=legacy,
        key="p256-other",
    )
    for version in ("0.3.1", "1.0.1"):
        yield made(f"legacy-{version}-key", f"the form of {version}", peer="accept")
        yield made(
            f"legacy-{version}-key#other-key",
            f"the form of {version}, another key trusted",
            "signature/unknown-key",
            "refuse",
            key="p256-other",
        )


def cases():
    """All of them."""
    assert load_bytes("models/small/model/w/0.bin") == SMALL["w/0.bin"]
    for group in (contents, harmless, links, special, ours, peer_made):
        yield from group()
