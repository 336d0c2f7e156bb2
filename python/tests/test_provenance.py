"""Provenance and the identity of the job, with a key on a real server."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import modelseal
import pytest
from actions_endpoint import ISSUER, Endpoint
from modelseal import JwtAuth, TokenAuth
from support import PRIVATE, PUBLIC
from vault_proxy import Proxy

if TYPE_CHECKING:
    from vault_shop import Shop

pytest_plugins = ["vault_server", "vault_shop", "actions_job"]

AUDIENCE = "https://vault.example"
DIGEST = "sha256:" + "ab" * 32
WORKFLOW = ".github/workflows/release.yml"


def github(shop: Shop, **claims: Any) -> JwtAuth:
    """Return a login with a token such as GitHub's, whose keys only the tests have."""
    return JwtAuth(role="ci", token=shop.issuer.token(**{"iss": ISSUER, **claims}), path=shop.jwt)


def sign(shop: Shop, model: Path, **more: Any) -> modelseal.SignedArtifact:
    given: dict[str, Any] = {"provenance": "auto", "jwks": shop.issuer.jwks, "name": "acme/llama", **more}
    if "auth" not in given:
        given["auth"] = github(shop)
    return shop.sign(model, **given)


@pytest.fixture
def policy(shop: Shop, tmp_path: Path) -> Path:
    """A policy that lets the release job of repository 123456789 sign `acme/…`."""
    directory = tmp_path / "policies"
    auth = JwtAuth(role="ci", token=shop.issuer.token(), path=shop.jwt)
    modelseal.export_public_keys(shop.key, directory, auth=auth, server=shop.at())
    path = directory / "policy.toml"
    path.write_text(
        'version = 1\nname = "tests"\nserial = 1\nvalid_until = 2999-01-01T00:00:00Z\n\n'
        '[[key]]\nname = "ci"\npublic_key = "model-v1.pem"\n\n'
        '[[rule]]\nname = "releases"\nmodels = ["acme/*"]\nkeys = ["ci"]\n\n'
        '[rule.github]\nrepository_id = ["123456789"]\nevent_name = ["push"]\n'
        f'job_workflow_ref = ["example-org/model/{WORKFLOW}@refs/heads/main"]\nref = ["refs/heads/main"]\n'
    )
    return path


def verify(model: Path, policy: Path, **more: Any) -> modelseal.VerifiedArtifact:
    return modelseal.verify_model_artifact(model, policy=policy, name="acme/llama", **more)


def test_the_job_is_in_the_result_and_verifiers_find_it(shop: Shop, model: Path, policy: Path) -> None:
    before = shop.openbao.accessors()
    signed = sign(shop, model, dependencies={"base": DIGEST, "https://data.example/set": None}, byproducts={})
    assert shop.openbao.accessors() == before
    assert signed.attestations == model / "model.attestations.jsonl"
    provenance = signed.provenance
    assert provenance
    assert (provenance.provider, provenance.issuer) == ("github", ISSUER)
    assert provenance.claims_source == "oidc-verified"
    assert provenance.claims["repository_id"] == "123456789"
    assert not {"sub", "actor", "head_ref"} & set(provenance.claims)
    assert provenance.workflow == WORKFLOW
    assert provenance.commit == "0123456789abcdef0123456789abcdef01234567"
    assert provenance.dependencies == (("base", DIGEST), ("https://data.example/set", None))
    assert provenance.byproducts == ()
    assert provenance.started_on and provenance.finished_on
    assert f"provenance={provenance!r}" in repr(signed)
    with pytest.raises(TypeError):
        provenance.claims["repository_id"] = "1"  # type: ignore[index]

    artifact = verify(model, policy, require_provenance=True)
    found = artifact.provenance
    assert found
    for name in [name for name in dir(found) if not name.startswith("_")]:
        assert getattr(found, name) == getattr(provenance, name), name
    assert artifact.decision and artifact.decision["rule"] == "releases"


@pytest.mark.parametrize(
    "claims",
    [
        {"repository_id": "1"},
        {"event_name": "pull_request_target"},
        {"ref": "refs/heads/other"},
        {"job_workflow_ref": "example-org/model/.github/workflows/other.yml@refs/heads/main"},
        {"iss": "https://token.ci.example"},
    ],
    ids=str,
)
def test_another_job_is_refused(shop: Shop, model: Path, policy: Path, claims: dict[str, str]) -> None:
    # The same key, and a role that lets it in: only the policy tells them apart.
    signed = sign(shop, model, auth=github(shop, **claims))
    assert signed.provenance
    with pytest.raises(modelseal.PolicyError) as refused:
        verify(model, policy)
    decision = refused.value.decision
    assert decision is not None
    assert (decision["decision"], decision["rules"][0]["result"]) == ("deny", "deny")
    assert refused.value.code.startswith("policy/")


def test_without_provenance_a_job_cannot_be_told(shop: Shop, model: Path, policy: Path) -> None:
    signed = sign(shop, model, provenance="off")
    assert (signed.provenance, signed.attestations) == (None, None)
    with pytest.raises(modelseal.PolicyError) as refused:
        verify(model, policy)
    assert refused.value.decision
    # A login that has no identity says nothing of one.
    token = TokenAuth(token=shop.openbao.token(shop.policy))
    assert sign(shop, model, auth=token).provenance is None


@pytest.mark.parametrize("more", [{"provenance": "required"}, {"dependencies": {"base": DIGEST}}], ids=str)
def test_what_is_required_and_missing(shop: Shop, model: Path, more: dict[str, Any]) -> None:
    with pytest.raises(modelseal.IdentityUnavailable) as refused:
        sign(shop, model, auth=TokenAuth(token=shop.openbao.token(shop.policy)), **more)
    assert refused.value.code == "identity/missing"
    with pytest.raises(modelseal.IdentityUnavailable) as local:
        modelseal.sign_model_artifact(model, key=PRIVATE, danger_allow_test_keys=True, **more)
    assert local.value.code == "identity/missing"
    assert not (model / "model.sig").exists()


def test_a_token_that_does_not_verify_signs_nothing(shop: Shop, model: Path, tmp_path: Path) -> None:
    others = tmp_path / "jwks.json"
    others.write_text('{"keys":[]}')
    before = shop.openbao.accessors()
    token = shop.issuer.token(iss=ISSUER)
    many: list[tuple[dict[str, Any], str]] = [
        ({"jwks": others}, "identity/"),
        ({"jwks": tmp_path / "absent.json"}, "input/not-found"),
        ({"identity_issuer": "https://other.example"}, "identity/issuer"),
        # Nothing is fetched from where no key set can be.
        ({"jwks": None, "auth": JwtAuth(role="ci", token=shop.issuer.token(iss="http://ci.example"), path=shop.jwt)},
         "identity/issuer"),
    ]  # fmt: skip
    for more, code in many:
        with pytest.raises(modelseal.ModelsealError) as refused:
            sign(shop, model, **{"auth": JwtAuth(role="ci", token=token, path=shop.jwt), **more})
        assert refused.value.code.startswith(code)
        assert refused.value.hint
        shown = traceback.format_exception(type(refused.value), refused.value, refused.value.__traceback__)
        assert token.rsplit(".", 1)[1] not in "".join(shown)
        assert not (model / "model.sig").exists()
    assert shop.openbao.accessors() == before


def test_a_key_set_inside_the_model_decides_nothing(shop: Shop, model: Path) -> None:
    inside = model / "jwks.json"
    inside.write_bytes(shop.issuer.jwks.read_bytes())
    with pytest.raises(modelseal.UsageError) as refused:
        sign(shop, model, jwks=inside)
    assert refused.value.code == "usage/trust-inside-model"


def discovery(endpoint: Endpoint) -> dict[str, Any]:
    return {"issuer": endpoint.url, "jwks_uri": endpoint.url + "/jwks"}


def test_the_keys_are_fetched_from_the_issuer(
    shop: Shop, model: Path, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="modelseal")
    endpoint.say(200, discovery(endpoint), Content_Type="application/json")
    endpoint.say(200, shop.issuer.key_set(), Content_Type="application/json")
    signed = sign(shop, model, jwks=None, auth=by_issuer(shop, endpoint))
    assert signed.provenance and signed.provenance.issuer == endpoint.url
    assert [target for target, _ in endpoint.asked] == ["/.well-known/openid-configuration", "/jwks"]
    fetched = [record.getMessage() for record in caplog.records if record.name == "modelseal.identity"]
    assert len(fetched) == 2


def by_issuer(shop: Shop, endpoint: Endpoint) -> JwtAuth:
    return JwtAuth(role="ci", token=shop.issuer.token(iss=endpoint.url), path=shop.jwt)


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX sends them")
def test_ctrl_c_while_the_keys_are_fetched(shop: Shop, model: Path, endpoint: Endpoint, proxy: Proxy) -> None:
    endpoint.answers.append(None)

    def interrupt() -> None:
        assert endpoint.held.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        sign(shop, model, jwks=None, auth=by_issuer(shop, endpoint), server=shop.at(proxy.address))
    assert time.monotonic() - started < 10
    thread.join(60)
    assert proxy.asked[-1] == "POST /v1/auth/token/revoke-self"
    assert proxy.granted[0]["accessor"] not in shop.openbao.accessors()
    assert not (model / "model.sig").exists()


def test_the_identity_of_the_platform_logs_in(
    shop: Shop, model: Path, endpoint: Endpoint, policy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="modelseal")
    auth = JwtAuth(role="ci", identity="github", audience=AUDIENCE, path=shop.jwt)
    endpoint.give(shop.issuer.token(iss=ISSUER))
    signed = sign(shop, model, auth=auth, provenance="required")
    assert signed.provenance and signed.provenance.claims_source == "oidc-verified"
    assert verify(model, policy).provenance
    # One that is found needs a role and nothing else.
    endpoint.give(shop.issuer.token(iss=ISSUER))
    found = JwtAuth(role="ci", identity="auto", audience=AUDIENCE, path=shop.jwt)
    artifact = modelseal.verify_model_artifact(model, key=shop.key, name="acme/llama", auth=found, server=shop.at())
    assert artifact.key_version == 1
    assert len(endpoint.asked) == 2
    loggers = {record.name for record in caplog.records}
    assert loggers == {"modelseal.vault", "modelseal.identity"}
    assert any("identity: github" in record.getMessage() for record in caplog.records)


def test_a_role_in_the_environment_is_enough(
    shop: Shop, model: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELSEAL_ROLE", "ci")
    monkeypatch.setenv("MODELSEAL_AUTH_PATH", shop.jwt)
    monkeypatch.setenv("MODELSEAL_AUDIENCE", AUDIENCE)
    # It says what the command does, and nothing to a library.
    monkeypatch.setenv("MODELSEAL_PROVENANCE", "off")
    endpoint.give(shop.issuer.token(iss=ISSUER))
    signed = sign(shop, model, auth=None)
    assert signed.provenance and signed.provenance.provider == "github"


def test_a_token_for_somebody_else_is_not_sent(shop: Shop, model: Path, endpoint: Endpoint, proxy: Proxy) -> None:
    endpoint.give(shop.issuer.token(iss=ISSUER, audience="https://elsewhere.example"))
    auth = JwtAuth(role="ci", identity="github", audience=AUDIENCE, path=shop.jwt)
    with pytest.raises(modelseal.IdentityError) as refused:
        sign(shop, model, auth=auth, server=shop.at(proxy.address))
    assert refused.value.code == "identity/audience"
    assert not proxy.asked


def test_beside_a_key_in_a_file_an_identity_proves_less(shop: Shop, model: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(shop.issuer.token(iss=ISSUER))
    auth = JwtAuth(role="unused", token_file=file)
    given: dict[str, Any] = {"key": PRIVATE, "danger_allow_test_keys": True, "jwks": shop.issuer.jwks}
    signed = modelseal.sign_model_artifact(model, auth=auth, **given)
    assert signed.provenance and signed.provenance.claims_source == "oidc-unbound"
    trusted: dict[str, Any] = {"key": PUBLIC, "name": "model", "danger_allow_test_keys": True}
    found = modelseal.verify_model_artifact(model, **trusted).provenance
    assert found and found.claims_source == "oidc-unbound"
    with pytest.raises(modelseal.PolicyError) as refused:
        modelseal.verify_model_artifact(model, require_provenance=True, **trusted)
    assert refused.value.code == "policy/provenance-missing"
    assert modelseal.sign_model_artifact(model, auth=auth, provenance="off", **given).provenance is None
    # A value is only for a login.
    value = JwtAuth(role="unused", token=file.read_text())
    with pytest.raises(modelseal.UsageError) as by_value:
        modelseal.sign_model_artifact(model, auth=value, **given)
    assert by_value.value.code == "usage/arguments"


def test_statements_are_signed_along(shop: Shop, model: Path, tmp_path: Path) -> None:
    scan = tmp_path / "scan.json"
    scan.write_text('{"result": "passed"}')
    statements: dict[str, Any] = {"https://acme.example/scan/v1": scan, "urn:acme:card": {"author": "Zoë"}}
    sign(shop, model, statements=statements, name="model")
    artifact = shop.verify(model, auth=shop.auth(), server=shop.at())
    types = {attestation.predicate_type for attestation in artifact.attestations}
    assert types == {*statements, "https://slsa.dev/provenance/v1"}
    assert all(attestation.bound and attestation.key_id == artifact.key_id for attestation in artifact.attestations)
    (model / "scan.json").write_bytes(scan.read_bytes())
    with pytest.raises(modelseal.UsageError) as inside:
        sign(shop, model, statements={"urn:acme:scan": model / "scan.json"})
    assert inside.value.code == "usage/trust-inside-model"


def test_attesting_with_a_key_on_the_server(shop: Shop, model: Path, policy: Path, proxy: Proxy) -> None:
    sign(shop, model)
    before = shop.openbao.accessors()
    given: dict[str, Any] = {"key": shop.key, "type": "urn:acme:scan", "predicate": {"result": "passed"}}
    given.update(name="acme/llama", auth=shop.auth(), server=shop.at(proxy.address))
    attested = modelseal.attest_model_artifact(model, **given)
    assert (attested.key_name, attested.key_version, attested.lines) == ("model", 1, 2)
    assert attested.model.provenance
    assert modelseal.attest_model_artifact(model, policy=policy, **given).already_there
    by_key = modelseal.attest_model_artifact(model, verify_key=shop.key, **given)
    assert (by_key.already_there, by_key.written, by_key.lines) == (True, False, 2)
    assert len(verify(model, policy).attestations) == 2
    proxy.answers["sign"] = 500, {"errors": ["no"]}
    with pytest.raises(modelseal.BackendError):
        modelseal.attest_model_artifact(model, **{**given, "predicate": {"result": "failed"}})
    assert shop.openbao.accessors() == before
