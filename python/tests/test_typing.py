"""What a type checker knows. `mypy --strict` reads this file; running it checks the same against the real values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import modelseal
import pytest
from support import KEYS

ATTESTATIONS = "model.attestations.jsonl"


def test_results(model: Path) -> None:
    signed: modelseal.SignedArtifact = modelseal.sign_model_artifact(
        model,
        key=str(KEYS / "p256.pem"),
        ignore_paths=("a", Path("b")),
        method="files",
        progress=lambda progress: progress.bytes_done,
        provenance="auto",
        statements={"urn:acme:card": {"author": "Zoë"}},
        danger_allow_test_keys=True,
    )
    bundle: Path = signed.bundle
    attestations: Path | None = signed.attestations
    warnings: tuple[str, ...] = signed.warnings
    provenance: modelseal.Provenance | None = signed.provenance
    assert (bundle.name, attestations, len(warnings), provenance) == (
        "model.sig",
        bundle.parent / ATTESTATIONS,
        2,
        None,
    )

    attested: modelseal.AttestedArtifact = modelseal.attest_model_artifact(
        model, key=KEYS / "p256.pem", type="urn:acme:scan", predicate={}, name="model", danger_allow_test_keys=True
    )
    file: Path = attested.attestations
    of_model: modelseal.VerifiedArtifact = attested.model
    assert (file.name, of_model.name, attested.lines) == (ATTESTATIONS, "model", 2)

    key: os.PathLike[str] = KEYS / "p256.pub.pem"
    verified: modelseal.VerifiedArtifact = modelseal.verify_model_artifact(
        str(model), key=[key, str(key)], name="model", progress=True, danger_allow_test_keys=True
    )
    only: tuple[str, ...] | None = verified.only
    method: Literal["key", "certificate"] = verified.method
    certificate: modelseal.Certificate | None = verified.certificate
    resource: modelseal.Resource = verified.resources[0]
    start: int | None = resource.start
    serialization: modelseal.Serialization = verified.serialization
    kinds: list[Literal["file", "directory", "link", "special"]] = [entry.kind for entry in verified.uncovered]
    assert (only, method, certificate, start, kinds) == (None, "key", None, None, [])
    assert serialization.hash == "sha256"


def test_errors(model: Path) -> None:
    try:
        modelseal.verify_model_artifact(model, key=KEYS / "p256.pub.pem", name="model", danger_allow_test_keys=True)
    except modelseal.VerificationError as error:
        findings: tuple[modelseal.Finding, ...] = error.findings
        code: str = error.code
        hint: str = error.hint
        complete: bool = error.findings_complete
        assert (findings, code, bool(hint), complete) == ((), "artifact/unsigned", True, True)


def test_what_does_not_type(model: Path) -> None:
    # Each of these comments is itself checked: one that is not needed is an error.
    with pytest.raises(TypeError):
        modelseal.verify_model_artifact(model, key=b"key.pem")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        modelseal.sign_model_artifact(model, KEYS / "p256.pem")  # type: ignore[misc]
    with pytest.raises(modelseal.UsageError):
        modelseal.sign_model_artifact(model, key=KEYS / "p256.pem", provenance="on")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        modelseal.VerifiedArtifact().name = "forged"  # type: ignore[misc]
