"""Reads an attestation file with the libraries of in-toto, which know nothing of modelseal.

Usage: attestations.py FILE PUBLIC_KEY.pem

Verifies every line's DSSE signature with `securesystemslib`, reads its statement with
`in_toto_attestation`, and provenance with the protocol buffers of SLSA, which refuse unknown fields.
Prints one JSON object a line.
"""

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

SLSA = "https://slsa.dev/provenance/v1"


def read(line: str, key: SSlibKey) -> dict:
    """Verifies one line and returns what it says."""
    envelope = json.loads(line)["dsseEnvelope"]
    for signature in envelope["signatures"]:
        signature["keyid"] = key.keyid
    envelope = Envelope.from_dict(envelope)
    envelope.verify([key], 1)
    statement = Statement.copy_from_pb(json_format.Parse(envelope.payload, statement_pb2.Statement()))
    statement.validate()
    (subject,) = statement.pb.subject
    provenance = None
    if statement.pb.predicate_type == SLSA:
        predicate = json_format.MessageToJson(statement.pb.predicate)
        provenance = json_format.MessageToDict(json_format.Parse(predicate, provenance_pb2.Provenance()))
    return {
        "payload_type": envelope.payload_type,
        "predicate_type": statement.pb.predicate_type,
        "name": subject.name,
        "sha256": subject.digest["sha256"],
        "manifest": subject.annotations["manifest"],
        "provenance": provenance,
    }


def main() -> None:
    """Reads every line of the file."""
    lines, public_key = Path(sys.argv[1]), Path(sys.argv[2])
    key = SSlibKey.from_crypto(load_pem_public_key(public_key.read_bytes()))
    for line in lines.read_text(encoding="utf-8").splitlines():
        sys.stdout.write(json.dumps(read(line, key)) + "\n")


if __name__ == "__main__":
    main()
