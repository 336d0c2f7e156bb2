"""Writes the test vectors: run by hand, see ../README.md."""

import argparse
import hashlib
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

import case
import cases_bundle
import cases_certificate
import cases_files
import cases_key
import cases_legacy
import cases_signature
import cases_statement
import oms

GROUPS = (
    cases_bundle,
    cases_signature,
    cases_statement,
    cases_files,
    cases_certificate,
    cases_legacy,
    cases_key,
)
OWN_DIRECTORIES = ("bundle", "signature", "statement", "files", "certificate", "legacy", "key")


def clean():
    """Removes what an earlier run wrote, so that no case outlives its definition."""
    for name in OWN_DIRECTORIES:
        shutil.rmtree(oms.ROOT / name, ignore_errors=True)
    for path in oms.ROOT.glob("*/expect*"):
        path.unlink()


def write_key_ids():
    """Writes keys/ids.txt: the key id of every public key that can be read."""
    found = {}
    for path in sorted(oms.KEYS.glob("*.pub.pem"), key=lambda path: len(path.name)):
        try:
            key = load_pem_public_key(path.read_bytes())
        except (ValueError, UnsupportedAlgorithm):
            continue
        text = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        found.setdefault(hashlib.sha256(text).hexdigest(), path.name.split(".")[0])
    lines = [
        f"{key_id}  {name}\n" for key_id, name in sorted(found.items(), key=lambda item: item[1])
    ]
    (oms.KEYS / "ids.txt").write_text("".join(lines), encoding="ascii")


def run(peer):
    """Writes and checks every case; returns them with what the reference tool said."""
    seen = {}
    for group in GROUPS:
        for item in group.cases():
            assert item.path not in seen, f"two cases are called {item.path}"
            item.write(None)
            with tempfile.TemporaryDirectory() as directory:
                where = Path(directory)
                case.prepare(item, where)
                said = peer.verify(item, where) if peer else None
                if item.code is None:
                    case.check(item, where)
            item.write(said)
            seen[item.path] = (item, said)
    return seen


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--peer",
        metavar="PYTHON",
        help="a Python that has model-signing 1.1.1, to record what it says",
    )
    arguments = parser.parse_args()
    clean()
    seen = run(case.Peer(arguments.peer) if arguments.peer else None)
    write_key_ids()
    verdicts = Counter(item.verdict for item, _ in seen.values())
    codes = Counter(item.code for item, _ in seen.values() if item.code)
    print(f"{len(seen)} cases: {dict(verdicts)}, codes {dict(codes)}")
    for path, (item, said) in seen.items():
        if said and item.peer and said != item.peer:
            print(f"{path}: model-signing 1.1.1 says {said}, not {item.peer}", file=sys.stderr)


if __name__ == "__main__":
    main()
