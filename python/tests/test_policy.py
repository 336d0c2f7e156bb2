"""Verification under a policy: what it refuses is refused, and the record says why."""

from __future__ import annotations

import pickle
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import modelseal
import pytest
from support import KEYS, PUBLIC, sign

COMMAND = Path(sysconfig.get_path("scripts")) / "modelseal"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy that lets the test key P-256 sign `acme/…`."""
    path = tmp_path / "policies" / "policy.toml"
    path.parent.mkdir()
    (path.parent / "team.pem").write_bytes(PUBLIC.read_bytes())
    path.write_text(
        'version = 1\nname = "tests"\nserial = 7\nvalid_until = 2999-01-01T00:00:00Z\n\n'
        '[[key]]\nname = "team"\npublic_key = "team.pem"\n\n'
        '[[rule]]\nname = "models"\nmodels = ["acme/*"]\nkeys = ["team"]\nidentity = "key-only"\n'
    )
    return path


def verify(model: Path, policy: Path, **arguments: Any) -> modelseal.VerifiedArtifact:
    given: dict[str, Any] = {"name": "acme/llama", "danger_allow_test_keys": True, **arguments}
    return modelseal.verify_model_artifact(model, policy=policy, **given)


def refused(model: Path, policy: Path, **arguments: Any) -> modelseal.PolicyError:
    with pytest.raises(modelseal.PolicyError) as refused:
        verify(model, policy, **arguments)
    return refused.value


def unusable(model: Path, policy: Path, **arguments: Any) -> str:
    """Return why nothing was decided."""
    with pytest.raises(modelseal.UsageError) as unusable:
        verify(model, policy, **arguments)
    return unusable.value.code


def test_a_policy_allows(model: Path, policy: Path) -> None:
    sign(model, name="acme/llama")
    artifact = verify(model, policy)
    decision = artifact.decision
    assert decision is not None
    assert (decision["kind"], decision["decision"], decision["rule"]) == ("modelseal.decision", "allow", "models")
    assert decision["artifact"]["name"] == "acme/llama"
    assert artifact.decision == decision
    assert artifact.decision is not decision
    assert artifact.provenance is None
    assert artifact.key_name == "team"


def test_without_a_policy_there_is_no_decision(signed: Path) -> None:
    artifact = modelseal.verify_model_artifact(signed, key=PUBLIC, name="model", danger_allow_test_keys=True)
    assert (artifact.decision, artifact.provenance) == (None, None)


def test_what_no_rule_allows_is_refused(model: Path, policy: Path) -> None:
    sign(model, name="other/llama")
    error = refused(model, policy, name="other/llama")
    assert error.code == "policy/no-rule-matches"
    assert error.decision is not None
    assert error.decision["decision"] == "deny"
    assert error.decision["rules"][0]["result"] == "deny"
    assert pickle.loads(pickle.dumps(error)).decision == error.decision
    # Another model than the wanted one is refused before any rule is looked at.
    assert refused(model, policy).code == "policy/other-model"


def test_another_key_is_refused(model: Path, policy: Path) -> None:
    sign(model, name="acme/llama", key=KEYS / "p384.pem")
    with pytest.raises(modelseal.VerificationError):
        verify(model, policy)


def test_who_must_have_signed_the_policy(model: Path, policy: Path) -> None:
    sign(model, name="acme/llama")
    policies = policy.with_name("policies.pem")
    subprocess.run([COMMAND, "keys", "generate", policies], check=True, capture_output=True)
    public = policies.with_name("policies.pub.pem")
    assert unusable(model, policy, policy_key=public) == "policy/signature"
    command: list[str | Path] = [COMMAND, "policy", "sign", policy, "--key", policies, "--danger-allow-test-keys"]
    signed = subprocess.run(command, check=False, capture_output=True, text=True)
    assert signed.returncode == 0, signed.stderr
    assert verify(model, policy, policy_key=public, min_policy_serial=7).decision is not None
    assert unusable(model, policy, policy_key=public, min_policy_serial=8) == "policy/serial"
    policy.write_text(policy.read_text().replace("acme/*", "*"))
    assert unusable(model, policy, policy_key=[public]) == "policy/signature"


@pytest.mark.parametrize("nobody", [[], ()])
def test_an_empty_list_of_policy_keys_is_no_permission(model: Path, policy: Path, nobody: list[str]) -> None:
    assert unusable(model, policy, policy_key=nobody) == "usage/arguments"


def test_provenance_may_be_required(model: Path, policy: Path) -> None:
    sign(model, name="acme/llama")
    assert refused(model, policy, require_provenance=True).code == "policy/provenance-missing"
    with pytest.raises(modelseal.PolicyError):
        modelseal.verify_model_artifact(
            model, key=PUBLIC, name="acme/llama", require_provenance=True, danger_allow_test_keys=True
        )


def test_a_policy_inside_the_model_decides_nothing(model: Path, policy: Path) -> None:
    inside = model / "policy.toml"
    inside.write_bytes(policy.read_bytes())
    (model / "team.pem").write_bytes(PUBLIC.read_bytes())
    sign(model, name="acme/llama")
    with pytest.raises(modelseal.UsageError) as refused:
        verify(model, inside)
    assert refused.value.code == "usage/trust-inside-model"


def test_further_attestations_are_read(model: Path, policy: Path, tmp_path: Path) -> None:
    sign(model, name="acme/llama")
    with pytest.raises(modelseal.InputError):
        verify(model, policy, attestations=[tmp_path / "absent.jsonl"])
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{}\n")
    with pytest.raises(modelseal.BundleError):
        verify(model, policy, attestations=broken)


@pytest.mark.parametrize(
    "arguments",
    [
        {"key": PUBLIC},
        {"certificate_chain": "root.pem"},
        {"certificate_san": "a@b.example"},
        {"min_key_version": 2},
        {"danger_accept_legacy": True},
        {"name": None},
        {"min_policy_serial": 0},
        {"policy": None, "key": PUBLIC, "policy_key": PUBLIC},
        {"policy": None, "key": PUBLIC, "min_policy_serial": 1},
    ],
)
def test_what_contradicts_itself_is_refused(model: Path, policy: Path, arguments: dict[str, Any]) -> None:
    sign(model, name="acme/llama")
    with pytest.raises(modelseal.UsageError) as refused:
        verify(model, **{"policy": policy, **arguments})
    assert refused.value.code == "usage/arguments"


def test_any_model_that_the_policy_allows(model: Path, policy: Path) -> None:
    sign(model, name="acme/llama")
    assert "expected-model" in verify(model, policy, name=None, danger_any_model=True).unchecked
