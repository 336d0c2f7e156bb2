"""The results: frozen, readable, and impossible to make up."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import modelseal
import pytest
from support import PRIVATE, attest, sign, verify

EVIDENCE: list[Any] = [
    modelseal.Attestation,
    modelseal.AttestedArtifact,
    modelseal.Certificate,
    modelseal.Progress,
    modelseal.Provenance,
    modelseal.Resource,
    modelseal.Serialization,
    modelseal.SignedArtifact,
    modelseal.Uncovered,
    modelseal.VerifiedArtifact,
]


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_evidence_cannot_be_made(evidence: Any) -> None:
    with pytest.raises(TypeError):
        evidence()
    with pytest.raises(TypeError):
        type("Forged", (evidence,), {})
    with pytest.raises(TypeError):
        object.__new__(evidence)


@pytest.mark.parametrize("attribute", ["files", "name", "relaxed", "resources", "invented"])
def test_evidence_cannot_be_changed(signed: Path, attribute: str) -> None:
    artifact = verify(signed)
    with pytest.raises(AttributeError):
        setattr(artifact, attribute, 1)
    with pytest.raises(AttributeError):
        delattr(artifact, attribute)
    with pytest.raises(AttributeError):
        setattr(artifact.resources[0], attribute, 1)


def test_evidence_is_not_pickled(signed: Path) -> None:
    # What comes out of a pickle was not verified by this process.
    with pytest.raises(TypeError):
        pickle.dumps(verify(signed))
    with pytest.raises(TypeError):
        copy.deepcopy(verify(signed))


def test_every_attribute_is_documented(signed: Path) -> None:
    artifacts: list[Any] = [sign(signed), attest(signed, type="urn:scan", predicate={}), verify(signed)]
    for artifact in artifacts:
        for name in dir(artifact):
            if not name.startswith("_"):
                getattr(artifact, name)
                assert getattr(type(artifact), name).__doc__, name


def test_tuples(signed: Path) -> None:
    artifact = verify(signed, only=["w/0.bin"])
    for value in [
        artifact.only,
        artifact.uncovered,
        artifact.unchecked,
        artifact.relaxed,
        artifact.followed_links,
        artifact.attestations,
        artifact.resources,
    ]:
        assert type(value) is tuple


def test_repr(model: Path) -> None:
    signed = sign(model, ignore_paths="config.json")
    shown = repr(signed)
    assert shown.startswith("SignedArtifact(name='model', root_digest='sha256:")
    assert f"bundle={str(signed.bundle)!r}" in shown
    assert "uncovered=(Uncovered(name='config.json', kind='file'),)" in shown
    artifact = verify(model)
    assert repr(artifact) == (
        f"VerifiedArtifact(name='model', root_digest='{signed.root_digest}', key_id='{signed.key_id}', method='key', "
        "files=2, bytes=3560, only=None, uncovered=(Uncovered(name='config.json', kind='file'),), "
        "unchecked=('freshness',), relaxed=('danger-allow-test-keys',))"
    )
    assert repr(artifact.serialization) == "Serialization(method='files', hash='sha256', shard_size=None)"
    assert repr(artifact.resources[0]).startswith("Resource(name='w/0.bin', digest='sha256:")
    secret = PRIVATE.read_text().splitlines()[1]
    assert secret not in shown


def test_equal_records_are_equal(signed: Path) -> None:
    one, two = verify(signed), verify(signed)
    assert one.resources == two.resources
    assert len({*one.resources, *two.resources}) == 3
    assert one.serialization == two.serialization
    assert one.resources[0] != two.resources[1]


def test_public_names() -> None:
    assert sorted(modelseal.__all__) == modelseal.__all__
    for name in modelseal.__all__:
        value = getattr(modelseal, name)
        assert isinstance(value, str) or value.__doc__
    for evidence in EVIDENCE:
        assert evidence.__module__ == "modelseal"
    assert modelseal.__version__.count(".") == 2
