"""Statements about models that are signed already."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import modelseal
import pytest
from support import KEYS, PRIVATE, PUBLIC, attest, verify

SCAN = "https://acme.example/scan/v1"
PREDICATE: dict[str, Any] = {"result": "passed", "time": "2026-11-20T12:00:00Z", "findings": [], "name": "Zoë"}
OTHER = KEYS / "p384.pem"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy that lets the test key P-256 sign what the test key P-384 found harmless."""
    path = tmp_path / "policies" / "policy.toml"
    path.parent.mkdir()
    for name in ["p256.pub.pem", "p384.pub.pem"]:
        (path.parent / name).write_bytes((KEYS / name).read_bytes())
    path.write_text(
        'version = 1\nname = "tests"\nserial = 1\nvalid_until = 2999-01-01T00:00:00Z\n\n'
        '[[key]]\nname = "team"\npublic_key = "p256.pub.pem"\n\n'
        '[[key]]\nname = "scanner"\npublic_key = "p384.pub.pem"\n\n'
        '[[rule]]\nname = "models"\nmodels = ["*"]\nkeys = ["team"]\nidentity = "key-only"\n\n'
        f'[[rule.evidence]]\npredicate_type = "{SCAN}"\nkeys = ["scanner"]\nfields = {{ "/result" = ["passed"] }}\n'
    )
    return path


def lines(model: Path) -> list[str]:
    path = model / "model.attestations.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def test_a_statement_of_the_signer(signed: Path) -> None:
    attested = attest(signed, type=SCAN, predicate=PREDICATE)
    assert (attested.predicate_type, attested.lines, attested.written) == (SCAN, 1, True)
    assert attested.attestations == signed / "model.attestations.jsonl"
    assert attested.statement_digest.startswith("sha256:")
    assert (attested.key_kind, attested.key_name, attested.key_version) == ("ecdsa-p256", None, None)
    assert attested.warnings == ()
    assert attested.relaxed == ("danger-allow-test-keys",)
    assert (attested.model.name, attested.model.key_id) == ("model", attested.key_id)
    assert repr(attested).startswith(f"AttestedArtifact(predicate_type={SCAN!r}, statement_digest='sha256:")
    found = verify(signed).attestations
    assert [(one.predicate_type, one.bound, one.key_id) for one in found] == [(SCAN, True, attested.key_id)]
    # A second time it is there.
    again = attest(signed, type=SCAN, predicate=PREDICATE)
    assert (again.already_there, again.written, again.lines) == (True, False, 1)
    assert any("there already" in warning for warning in again.warnings)


def test_a_dictionary_and_a_file_are_the_same(signed: Path, tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    path.write_text(json.dumps(PREDICATE))
    first = attest(signed, type=SCAN, predicate=path)
    assert attest(signed, type=SCAN, predicate=str(path)).already_there
    assert attest(signed, type=SCAN, predicate=PREDICATE).statement_digest == first.statement_digest


def test_evidence_of_another_key_satisfies_a_policy(signed: Path, policy: Path) -> None:
    given: dict[str, Any] = {"policy": policy, "name": "model", "danger_allow_test_keys": True}
    with pytest.raises(modelseal.PolicyError):
        modelseal.verify_model_artifact(signed, **given)
    # Who attests must say whose signature it takes.
    with pytest.raises(modelseal.SignatureError):
        attest(signed, key=OTHER, type=SCAN, predicate=PREDICATE)
    attest(signed, key=OTHER, verify_key=PUBLIC, type=SCAN, predicate={"result": "failed"})
    with pytest.raises(modelseal.PolicyError) as refused:
        modelseal.verify_model_artifact(signed, **given)
    assert refused.value.decision
    attest(signed, key=OTHER, verify_key=[PUBLIC], type=SCAN, predicate=PREDICATE)
    decision = modelseal.verify_model_artifact(signed, **given).decision
    assert decision and decision["rule"] == "models"
    attested = modelseal.attest_model_artifact(signed, key=OTHER, type="urn:more", predicate={}, **given)
    assert attested.model.decision and attested.model.decision["decision"] == "allow"
    assert attested.lines == 3


def test_what_is_not_verified_is_not_attested(signed: Path, policy: Path) -> None:
    with pytest.raises(modelseal.PolicyError):
        attest(signed, type=SCAN, predicate=PREDICATE, name="other")
    with pytest.raises(modelseal.PolicyError):
        attest(signed, type=SCAN, predicate=PREDICATE, policy=policy)
    (signed / "config.json").write_text("changed")
    with pytest.raises(modelseal.MismatchError):
        attest(signed, type=SCAN, predicate=PREDICATE)
    (signed / "model.sig").unlink()
    with pytest.raises(modelseal.MismatchError):
        attest(signed, type=SCAN, predicate=PREDICATE)
    assert lines(signed) == []


def test_a_dry_run_writes_nothing(signed: Path) -> None:
    attested = attest(signed, type=SCAN, predicate=PREDICATE, dry_run=True)
    assert (attested.written, attested.already_there, attested.lines) == (False, False, 1)
    assert lines(signed) == []


def test_what_progress_raises_stops_it(signed: Path) -> None:
    def stop(progress: modelseal.Progress) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        attest(signed, type=SCAN, predicate=PREDICATE, progress=stop)
    assert lines(signed) == []


def test_which_model_is_meant(signed: Path, policy: Path) -> None:
    given: dict[str, Any] = {"type": SCAN, "predicate": PREDICATE, "name": None}
    with pytest.warns(modelseal.AnyModelWarning) as warned:
        attested = attest(signed, **given)
    assert warned[0].filename == __file__
    assert "expected-model" in attested.model.unchecked
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attest(signed, danger_any_model=True, **given)
        attest(signed, digest=attested.model.root_digest, **given)
    contradictions: list[dict[str, Any]] = [{"name": "model", "danger_any_model": True}, {"policy": policy}]
    for contradiction in contradictions:
        with pytest.raises(modelseal.UsageError):
            attest(signed, **{**given, **contradiction})


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"type": "https://slsa.dev/provenance/v1"}, "usage/attestation-type"),
        ({"type": "scan"}, "usage/attestation-type"),
        ({"predicate": {"a": float("inf")}}, "usage/arguments"),
        ({"predicate": "/not/there.json"}, "input/not-found"),
        ({"verify_key": "/not/there.pem"}, "input/not-found"),
        ({"verify_key": PUBLIC, "policy": "policy.toml"}, "usage/arguments"),
        ({"policy": "/not/there.toml"}, "input/not-found"),
        ({"passphrase_file": "f", "passphrase_env": "E"}, "usage/arguments"),
        ({"expect_key_id": "0" * 64}, "key/mismatch"),
        ({"key": PRIVATE, "danger_allow_test_keys": False}, "key/test-key"),
        ({"bundle": PUBLIC.with_suffix(".sig")}, "artifact/unsigned"),
    ],
    ids=str,
)
def test_refusals(signed: Path, options: dict[str, Any], code: str) -> None:
    with pytest.raises(modelseal.ModelsealError) as refused:
        attest(signed, **{"type": SCAN, "predicate": PREDICATE, **options})
    assert refused.value.code == code
    assert refused.value.hint
    assert lines(signed) == []


def test_what_the_caller_relies_on_is_not_in_the_model(signed: Path) -> None:
    for name, content in [("scan.json", b"{}"), ("team.pem", PUBLIC.read_bytes()), ("key.pem", PRIVATE.read_bytes())]:
        inside = signed / name
        inside.write_bytes(content)
        given: dict[str, Any] = {"type": SCAN, "predicate": PREDICATE}
        argument = {"scan.json": "predicate", "team.pem": "verify_key", "key.pem": "key"}[name]
        with pytest.raises(modelseal.UsageError) as refused:
            attest(signed, **{**given, argument: inside})
        assert refused.value.code == "usage/trust-inside-model"
        inside.unlink()


@pytest.mark.parametrize(
    "options",
    [
        {"type": None},
        {"type": b"urn:scan"},
        {"predicate": None},
        {"predicate": []},
        {"predicate": b"{}"},
        {"predicate": {"a": object()}},
        {"verify_key": 1},
        {"verify_key": [b"key.pem"]},
        {"policy": 1},
        {"name": 1},
        {"dry_run": "yes"},
        {"jobs": 1.5},
        {"progress": 1},
    ],
    ids=str,
)
def test_types(signed: Path, options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        attest(signed, **{"type": SCAN, "predicate": PREDICATE, **options})
    assert lines(signed) == []


def test_a_predicate_that_is_too_deep(signed: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(modelseal.UsageError):
        attest(signed, type=SCAN, predicate=deep)
    circle: dict[str, Any] = {}
    circle["a"] = circle
    with pytest.raises(modelseal.UsageError):
        attest(signed, type=SCAN, predicate=circle)
