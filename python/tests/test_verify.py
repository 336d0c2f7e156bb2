"""Verifying: what is accepted, what is refused and how, and what the evidence says."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import modelseal
import pytest
from support import KEYS, PUBLIC, VECTORS, sign, verify


def refusal(model: Path, **options: Any) -> modelseal.ModelsealError:
    with pytest.raises(modelseal.ModelsealError) as refused:
        verify(model, **options)
    assert refused.value.hint
    return refused.value


def test_the_evidence(signed: Path) -> None:
    artifact = verify(signed)
    assert (artifact.path, artifact.bundle) == (signed, signed / "model.sig")
    assert (artifact.name, artifact.method, artifact.certificate) == ("model", "key", None)
    assert (artifact.files, artifact.bytes) == (3, 3563)
    assert (artifact.only, artifact.uncovered, artifact.followed_links, artifact.attestations) == (None, (), (), ())
    assert artifact.unchecked == ("freshness",)
    assert artifact.relaxed == ("danger-allow-test-keys",)
    assert (artifact.serialization.method, artifact.serialization.hash) == ("files", "sha256")
    assert artifact.serialization.shard_size is None


def test_a_changed_file(signed: Path) -> None:
    (signed / "w" / "1.bin").write_bytes(b"y" * 1000)
    error = refusal(signed)
    assert isinstance(error, modelseal.MismatchError)
    assert error.code == "artifact/modified"
    assert error.findings_complete
    (finding,) = error.findings
    assert (finding.code, finding.name) == ("artifact/modified", "w/1.bin")
    assert "sha256:" in finding.detail


def test_everything_wrong_is_found(signed: Path) -> None:
    (signed / "config.json").unlink()
    (signed / "extra").write_text("")
    (signed / "w" / "0.bin").write_bytes(b"")
    error = refusal(signed)
    assert [(finding.code, finding.name) for finding in error.findings] == [
        ("artifact/missing", "config.json"),
        ("artifact/unexpected", "extra"),
        ("artifact/modified", "w/0.bin"),
    ]
    assert error.code == "artifact/modified"  # of the most telling finding


def test_no_signature(model: Path) -> None:
    assert refusal(model).code == "artifact/unsigned"
    assert isinstance(refusal(model), modelseal.MismatchError)


def test_no_bundle(signed: Path) -> None:
    (signed / "model.sig").write_text("{}")
    assert isinstance(refusal(signed), modelseal.BundleError)


def test_another_key(signed: Path) -> None:
    error = refusal(signed, key=KEYS / "p256-other.pub.pem")
    assert isinstance(error, modelseal.SignatureError)
    assert error.code == "signature/unknown-key"
    assert verify(signed, key=[KEYS / "p256-other.pub.pem", str(PUBLIC)]).files == 3


def test_another_model(signed: Path) -> None:
    digest = verify(signed).root_digest
    for expected in [{"name": "other"}, {"digest": "sha256:" + "0" * 64}, {"name": "other", "digest": digest}]:
        error = refusal(signed, **{"name": None, **expected})
        assert isinstance(error, modelseal.PolicyError)
        assert error.code == "policy/other-model"
    assert "expected-model" not in verify(signed, name=None, digest=digest).unchecked
    assert "expected-model" not in verify(signed, name="model", digest=digest).unchecked


def test_any_model_draws_a_warning(signed: Path) -> None:
    with pytest.warns(modelseal.AnyModelWarning) as warned:
        artifact = verify(signed, name=None)
    assert warned[0].filename == __file__
    assert "expected-model" in artifact.unchecked
    assert "expected-model" in verify(signed, name=None, danger_any_model=True).unchecked


def test_nothing_trusted(signed: Path) -> None:
    nothing: list[Any] = [None, [], ()]
    for key in nothing:
        error = refusal(signed, key=key)
        assert isinstance(error, modelseal.UsageError)
        assert error.code == "usage/arguments"


def test_contradictions(signed: Path) -> None:
    digest = "sha256:" + "0" * 64
    contradictions: list[dict[str, Any]] = [
        {"danger_any_model": True},
        {"name": None, "digest": digest, "danger_any_model": True},
        {"certificate_subject": "CN=x"},
        {"certificate_fingerprint": digest},
        {"certificate_san": "x"},
    ]
    for options in contradictions:
        assert refusal(signed, **options).code == "usage/arguments"


def test_test_keys_are_refused_by_default(signed: Path) -> None:
    assert refusal(signed, danger_allow_test_keys=False).code == "key/test-key"


def test_a_key_inside_the_model(model: Path) -> None:
    (model / "key.pem").write_bytes(PUBLIC.read_bytes())
    sign(model)
    assert refusal(model, key=model / "key.pem").code == "usage/trust-inside-model"


def test_only(signed: Path) -> None:
    (signed / "config.json").unlink()
    for only in ["w/0.bin", ["w/0.bin"], {"w/0.bin"}]:
        artifact = verify(signed, only=only)
        assert (artifact.only, artifact.files, artifact.bytes) == (("w/0.bin",), 1, 2560)
    assert refusal(signed, only=["nothing"]).code == "usage/unknown-resource"
    (signed / "extra").write_text("")
    assert refusal(signed, only="w/0.bin").code == "artifact/unexpected"


def test_unsigned_files(signed: Path) -> None:
    (signed / "extra").write_text("")
    assert refusal(signed).code == "artifact/unexpected"
    artifact = verify(signed, danger_ignore_unsigned_files=True)
    assert [(uncovered.name, uncovered.kind) for uncovered in artifact.uncovered] == [("extra", "file")]
    assert "danger-ignore-unsigned-files" in artifact.relaxed
    artifact = verify(signed, danger_ignore_paths=[signed / "extra"])
    assert [uncovered.name for uncovered in artifact.uncovered] == ["extra"]
    assert "danger-ignore-paths" in artifact.relaxed


def test_limits(signed: Path) -> None:
    assert verify(signed, max_file_bytes=2560, max_total_bytes=3563, jobs=1).files == 3
    for options in [{"max_file_bytes": 2559}, {"max_total_bytes": 3562}]:
        error = refusal(signed, **options)
        assert isinstance(error, modelseal.InputError)
        assert error.code == "input/limit"


def test_no_model(tmp_path: Path) -> None:
    error = refusal(tmp_path / "nothing")
    assert isinstance(error, modelseal.InputError)
    assert error.code == "input/not-found"


def test_the_clock(model: Path) -> None:
    certificates = [KEYS / "cert-leaf-p256.pem", KEYS / "cert-int.pem"]
    sign(model, certificates=certificates)
    root = KEYS / "cert-root.pem"
    east = timezone(timedelta(hours=5, minutes=30))
    artifact = verify(model, key=None, certificate_chain=root, danger_clock=datetime(2026, 1, 1, tzinfo=east))
    assert "danger-clock" in artifact.relaxed
    late = datetime(2045, 1, 2, tzinfo=timezone.utc)
    assert refusal(model, key=None, certificate_chain=root, danger_clock=late).code == "signature/certificate-time"
    assert refusal(model, danger_clock=datetime(2026, 1, 1)).code == "usage/arguments"


def test_the_form_from_before_the_first_version() -> None:
    case = VECTORS / "legacy-0.2.0-key"
    error = refusal(case / "model", bundle=case / "model.sig")
    assert isinstance(error, modelseal.BundleError)
    assert error.code == "format/legacy"
    artifact = verify(
        case / "model", bundle=case / "model.sig", name=None, danger_any_model=True, danger_accept_legacy=True
    )
    assert "danger-accept-legacy" in artifact.relaxed
    assert "root-digest" in artifact.unchecked
