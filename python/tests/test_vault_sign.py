"""Signing and verifying with keys on a real server."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import modelseal
import pytest
from modelseal import AgentAuth, AppRoleAuth, JwtAuth, KubernetesAuth, TokenAuth, VaultServer
from vault_proxy import Proxy, token_review

if TYPE_CHECKING:
    from vault_shop import Shop

pytest_plugins = ["vault_server", "vault_shop"]

#: The `aud` of the issuer's tokens.
AUDIENCE = "https://vault.example"


def secret_file(directory: Path, text: str) -> Path:
    path = directory / "secret"
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


Place = Callable[[str, Path, pytest.MonkeyPatch], "dict[str, Any]"]


def by_value(secret: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return {"": secret}


def by_file(secret: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return {"_file": secret_file(directory, secret)}


def by_env(secret: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("JOB_SECRET", secret)
    return {"_env": "JOB_SECRET"}


def by_command(secret: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return {"_command": ["cat", secret_file(directory, secret)]}


def given(argument: str, places: dict[str, Any]) -> dict[str, Any]:
    return {argument + suffix: value for suffix, value in places.items()}


@pytest.mark.parametrize("place", [by_value, by_file, by_env, by_command])
def test_jwt(shop: Shop, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    token = given("token", place(shop.issuer.token(), tmp_path, monkeypatch))
    before = shop.openbao.accessors()
    signed = shop.sign(model, auth=JwtAuth(role="ci", path=shop.jwt, audience=AUDIENCE, **token))
    assert (signed.key_name, signed.key_version, signed.key_kind) == ("model", 1, "ecdsa-p256")
    assert signed.warnings == ()
    assert signed.relaxed == ()
    assert signed.written and (model / "model.sig").exists()
    assert shop.openbao.accessors() == before


@pytest.mark.parametrize("place", [by_value, by_file, by_env])
def test_approle(shop: Shop, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    approle = shop.openbao.approle(shop.policy)
    secret = given("secret_id", place(shop.openbao.secret_id(approle), tmp_path, monkeypatch))
    signed = shop.sign(model, auth=AppRoleAuth(role_id=approle.role_id, path=approle.mount, **secret))
    assert signed.key_version == 1


@pytest.mark.parametrize("place", [by_value, by_file])
def test_wrapped_secret_id(
    shop: Shop, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place
) -> None:
    approle = shop.openbao.approle(shop.policy)
    wrapped = given("wrapped_secret_id", place(shop.openbao.wrapped_secret_id(approle), tmp_path, monkeypatch))
    auth = AppRoleAuth(role_id=approle.role_id, role="ci", path=approle.mount, **wrapped)
    assert shop.sign(model, auth=auth).key_version == 1
    # A second time somebody else has it, perhaps.
    with pytest.raises(modelseal.BackendError) as refused:
        shop.sign(model, auth=auth)
    assert (refused.value.code, refused.value.retryable) == ("vault/wrapping-token", False)
    other = given("wrapped_secret_id", place(shop.openbao.wrapped_secret_id(approle), tmp_path, monkeypatch))
    elsewhere = AppRoleAuth(role_id=approle.role_id, wrapping_path="auth/elsewhere", path=approle.mount, **other)
    with pytest.raises(modelseal.BackendError) as intercepted:
        shop.sign(model, auth=elsewhere)
    assert intercepted.value.code == "vault/wrapping-path"


def test_kubernetes(shop: Shop, model: Path, tmp_path: Path) -> None:
    account = {"namespace": "mlops", "serviceaccount": {"name": "signer", "uid": "42"}}
    subject = "system:serviceaccount:mlops:signer"
    claims: dict[str, Any] = {"sub": subject, "aud": [AUDIENCE], "kubernetes.io": account}
    token = shop.issuer.token(**claims)
    cluster = token_review(lambda asked: asked == token)
    try:
        mount = shop.openbao.kubernetes_role(f"http://127.0.0.1:{cluster.server_address[1]}", shop.policy)
        file = secret_file(tmp_path, token)
        auth = KubernetesAuth(role="ci", token_file=file, audience=AUDIENCE, path=mount)
        assert shop.sign(model, auth=auth).key_version == 1
        # Only with the keys of its issuer the token makes provenance, too.
        assert shop.sign(model, auth=auth, provenance="auto").provenance is None
        provenance = shop.sign(model, auth=auth, provenance="auto", jwks=shop.issuer.jwks).provenance
        assert provenance and provenance.provider == "kubernetes"
        with pytest.raises(modelseal.IdentityUnavailable) as unverified:
            shop.sign(model, auth=auth, provenance="required")
        assert unverified.value.code == "identity/missing"
        with pytest.raises(modelseal.IdentityError) as audience:
            shop.sign(model, auth=KubernetesAuth(role="ci", token_file=file, audience="elsewhere", path=mount))
        assert audience.value.code == "identity/audience"
        file.write_text(shop.issuer.token(**claims))
        with pytest.raises(modelseal.BackendError) as refused:
            shop.sign(model, auth=auth)
        assert refused.value.code == "vault/login-refused"
    finally:
        cluster.shutdown()
        cluster.server_close()


@pytest.mark.parametrize("place", [by_value, by_file, by_env])
def test_token(shop: Shop, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    token = shop.openbao.token(shop.policy)
    signed = shop.sign(model, auth=TokenAuth(**given("token", place(token, tmp_path, monkeypatch))))
    assert signed.key_version == 1
    # It is not ours to revoke.
    assert shop.openbao.ask("GET", "auth/token/lookup-self", token=token)[0] == 200


def test_agent(shop: Shop, model: Path, tmp_path: Path) -> None:
    sink = secret_file(tmp_path, shop.openbao.token(shop.policy))
    assert shop.sign(model, auth=AgentAuth(token_sink=sink)).key_version == 1


def test_the_environment_says_what_is_left_out(
    shop: Shop, model: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_ADDR", proxy.address)
    monkeypatch.setenv("VAULT_TOKEN", shop.openbao.token(shop.policy))
    monkeypatch.setenv("TRANSIT_SECRET_ENGINE_PATH", shop.mount)
    monkeypatch.setenv("GITHUB_RUN_ID", "17")
    signed = modelseal.sign_model_artifact(model, key="hashivault://model")
    assert signed.key_name == "model"
    assert [headers["x-correlation-id"] for headers in proxy.headers] == ["github-17-1"] * 3
    # What the call says counts more; the token that it does not use is mentioned.
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    signed = shop.sign(model, key="openbao://model", server=shop.at(proxy.address, correlation_id="release-7"))
    assert any("VAULT_TOKEN is set and not used" in warning for warning in signed.warnings)
    assert proxy.headers[-1]["x-correlation-id"] == "release-7"
    assert len(proxy.asked) == 7
    # A switch that weakens cannot come from there.
    monkeypatch.setenv("VAULT_SKIP_VERIFY", "true")
    with pytest.raises(modelseal.UsageError) as refused:
        shop.sign(model)
    assert refused.value.code == "usage/environment"


def test_several_signatures(shop: Shop, model: Path) -> None:
    auth, before = shop.auth(), shop.openbao.accessors()
    ids = {shop.sign(model, auth=auth).key_id for _ in range(4)}
    assert len(ids) == 1
    assert shop.openbao.accessors() == before


def test_a_local_key_needs_no_server(model: Path, shop: Shop) -> None:
    from support import PRIVATE

    given: Any = {"auth": TokenAuth(token="x"), "server": VaultServer(address="http://127.0.0.1:1")}
    signed = modelseal.sign_model_artifact(model, key=PRIVATE, danger_allow_test_keys=True, **given)
    assert (signed.key_name, signed.key_version) == (None, None)
    assert signed.relaxed == ("danger-allow-test-keys",)


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (503, "vault/sealed", True),
        (502, "vault/unavailable", True),
        (500, "vault/server-error", False),
        (403, "vault/permission", False),
        (404, "vault/key-not-found", False),
        (302, "vault/redirect", True),
    ],
)
def test_refusals(
    shop: Shop, model: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, status: int, code: str, retryable: bool
) -> None:
    monkeypatch.setenv("VAULT_MAX_RETRIES", "0")
    answer = {"errors": ["Vault is sealed"] if status == 503 else ["permission denied"] if status == 403 else []}
    proxy.answers["keys"] = status, answer
    with pytest.raises(modelseal.BackendError) as refused:
        shop.sign(model, server=shop.at(proxy.address))
    assert (refused.value.code, refused.value.retryable) == (code, retryable)
    assert refused.value.hint
    # The token was given back all the same.
    assert proxy.asked[-1] == "POST /v1/auth/token/revoke-self"
    assert proxy.granted[0]["accessor"] not in shop.openbao.accessors()
    assert not (model / "model.sig").exists()


def test_more_refusals(shop: Shop, model: Path, proxy: Proxy, tmp_path: Path) -> None:
    many: list[tuple[dict[str, Any], type[modelseal.ModelsealError], str]] = [
        ({"auth": JwtAuth(role="ci", token="a.b", path=shop.jwt)}, modelseal.IdentityError, "identity/malformed"),
        ({"auth": JwtAuth(role="ci", token=shop.issuer.token(expires_in=-3600), path=shop.jwt)},
         modelseal.IdentityError, "identity/expired"),
        ({"auth": shop.auth(audience="elsewhere")}, modelseal.IdentityError, "identity/audience"),
        ({"auth": JwtAuth(role="no", token=shop.issuer.token(), path=shop.jwt)},
         modelseal.BackendError, "vault/login-refused"),
        ({"auth": TokenAuth(token="no spaces allowed")}, modelseal.IdentityError, "vault/credentials"),
        ({"auth": TokenAuth(token=shop.openbao.root_token)}, modelseal.BackendError, "vault/token-unlimited"),
        ({"server": shop.at(strict_token=True, max_token_ttl=60)}, modelseal.BackendError, "vault/token-ttl"),
        ({"key": f"hashivault://{shop.mount}/other"}, modelseal.BackendError, "vault/permission"),
        ({"passphrase_env": "HOME"}, modelseal.UsageError, "usage/arguments"),
    ]  # fmt: skip
    before = shop.openbao.accessors()
    for given, error_class, code in many:
        with pytest.raises(error_class) as refused:
            shop.sign(model, **given)
        assert type(refused.value) is error_class
        assert refused.value.code == code
        if isinstance(refused.value, modelseal.BackendError):
            assert refused.value.retryable is False
    assert shop.openbao.accessors() == before
    allowed = shop.sign(
        model, auth=TokenAuth(token=shop.openbao.root_token), server=shop.at(danger_unlimited_token=True)
    )
    assert allowed.relaxed == ("danger-unlimited-token",)
    assert any("root token" in warning for warning in allowed.warnings)
    artifact = shop.verify(
        model, auth=TokenAuth(token=shop.openbao.root_token), server=shop.at(danger_unlimited_token=True)
    )
    assert artifact.relaxed == ("danger-unlimited-token",)
    assert any("root token" in warning for warning in artifact.warnings)


def test_credentials_inside_the_model_are_not_signed(shop: Shop, model: Path) -> None:
    file = secret_file(model, shop.issuer.token())
    with pytest.raises(modelseal.UsageError) as refused:
        shop.sign(model, auth=JwtAuth(role="ci", token_file=file, path=shop.jwt))
    assert refused.value.code == "usage/trust-inside-model"


def test_credentials_that_variables_name_are_not_signed(
    shop: Shop, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELSEAL_IDENTITY_TOKEN_FILE", str(secret_file(model, shop.issuer.token())))
    before = shop.openbao.accessors()
    with pytest.raises(modelseal.UsageError) as refused:
        shop.sign(model)
    assert refused.value.code == "usage/trust-inside-model"
    assert shop.openbao.accessors() == before


def test_the_model_does_not_say_which_server_is_believed(
    shop: Shop, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Path(__file__).parents[2] / "tests" / "vault" / "any-ca.pem"
    shop.sign(model)
    (model / "ca.pem").write_bytes(authority.read_bytes())
    monkeypatch.setenv("VAULT_MAX_RETRIES", "0")
    nobody = "https://127.0.0.1:9"
    for given, code in [(model / "ca.pem", "usage/trust-inside-model"), (authority, "vault/unreachable")]:
        with pytest.raises(modelseal.ModelsealError) as refused:
            shop.verify(model, auth=shop.auth(), server=shop.at(nobody, ca_cert=given))
        assert refused.value.code == code


def test_an_expected_key_id_pins_the_key(shop: Shop, model: Path, tmp_path: Path) -> None:
    signed = shop.sign(model)
    assert shop.verify(model, auth=shop.auth(), server=shop.at(), expect_key_id=signed.key_id).key_id == signed.key_id
    with pytest.raises(modelseal.SignatureError) as unknown:
        shop.verify(model, auth=shop.auth(), server=shop.at(), expect_key_id="0" * 64)
    assert unknown.value.code == "signature/unknown-key"
    export = partial(modelseal.export_public_keys, shop.key, auth=shop.auth(), server=shop.at())
    with pytest.raises(modelseal.BackendError) as unexpected:
        export(tmp_path / "keys", expect_key_id="0" * 64)
    assert unexpected.value.code == "vault/unexpected-key"
    assert not (tmp_path / "keys").exists()
    assert export(tmp_path / "keys", expect_key_id=signed.key_id)


def test_a_token_that_cannot_be_revoked_is_mentioned(shop: Shop, model: Path, proxy: Proxy) -> None:
    proxy.answers["revoke-self"] = 500, {"errors": ["no"]}
    signed = shop.sign(model, server=shop.at(proxy.address))
    assert any("could not be revoked" in warning for warning in signed.warnings)
    proxy.answers["sign"] = 500, {"errors": ["no"]}
    with pytest.raises(modelseal.BackendError) as refused:
        shop.sign(model, server=shop.at(proxy.address))
    assert "could not be revoked" in refused.value.hint
    for granted in proxy.granted:
        shop.openbao.must("POST", "auth/token/revoke-accessor", {"accessor": granted["accessor"]})


def test_a_long_life_is_warned_of(shop: Shop, model: Path) -> None:
    signed = shop.sign(model, server=shop.at(max_token_ttl=60))
    assert any("longer than the" in warning for warning in signed.warnings)
    artifact = shop.verify(model, auth=shop.auth(), server=shop.at(max_token_ttl=60))
    assert len(artifact.warnings) == 1


def test_requests_are_logged(shop: Shop, model: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="modelseal.vault")
    shop.sign(model)
    requests = [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]
    notices = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert {record.name for record in caplog.records} == {"modelseal.vault"}
    expected = [
        f"POST v1/auth/{shop.jwt}/login 200 ",
        f"GET v1/{shop.mount}/keys/model 200 ",
        f"POST v1/{shop.mount}/sign/model 200 ",
        "POST v1/auth/token/revoke-self 204 ",
    ]
    assert [line.startswith(start) for line, start in zip(requests, expected)] == [True] * 4
    assert len(requests) == 4
    assert all(" ms" in line for line in requests) and " id " in requests[2]
    assert any(line.startswith("login: jwt") for line in notices)
    caplog.clear()
    caplog.set_level(logging.WARNING, logger="modelseal.vault")
    shop.sign(model)
    assert not caplog.records


def test_a_filter_that_raises_stops_the_work(shop: Shop, model: Path) -> None:
    class Enough(Exception):  # noqa: N818
        pass

    def refuse(record: logging.LogRecord) -> bool:
        if "/sign/" in record.getMessage():
            raise Enough
        return True

    logger, before = logging.getLogger("modelseal.vault"), shop.openbao.accessors()
    logger.addFilter(refuse)
    logger.setLevel(logging.DEBUG)
    try:
        with pytest.raises(Enough):
            shop.sign(model)
    finally:
        logger.removeFilter(refuse)
        logger.setLevel(logging.NOTSET)
    assert shop.openbao.accessors() == before
    assert not (model / "model.sig").exists()


def test_secrets_are_nowhere(
    shop: Shop, model: Path, proxy: Proxy, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    approle = shop.openbao.approle(shop.policy)
    jwt, secret_id, token = shop.issuer.token(), shop.openbao.secret_id(approle), shop.openbao.token(shop.policy)
    ways: list[Any] = [
        JwtAuth(role="ci", token=jwt, path=shop.jwt),
        AppRoleAuth(role_id=approle.role_id, secret_id=secret_id, path=approle.mount),
        TokenAuth(token=token),
    ]
    said: list[str] = []
    for fault in [None, "sign", "keys", "login", "revoke-self"]:
        proxy.answers = {} if fault is None else {fault: (500, {"errors": ["no"]})}
        for auth in ways:
            try:
                at = shop.at(proxy.address)
                signed = shop.sign(model, auth=auth, server=at, provenance="auto", jwks=shop.issuer.jwks)
                said += [repr(signed), *signed.warnings, repr(auth), *provenance_of(signed)]
            except modelseal.ModelsealError as error:
                said += traceback.format_exception(type(error), error, error.__traceback__)
                said += [repr(error), error.hint]
    said += [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    said += [*capfd.readouterr(), (model / "model.sig").read_text()]
    assert len(proxy.granted) >= 6
    text = "\n".join(said)
    for secret in [jwt, secret_id, token, *(granted["client_token"] for granted in proxy.granted)]:
        assert secret not in text
    assert "v1/auth" in text
    assert hashlib.sha256(jwt.encode()).hexdigest() in text


def provenance_of(signed: modelseal.SignedArtifact) -> list[str]:
    if not signed.provenance or not signed.attestations:
        return []
    lines = [json.loads(line) for line in signed.attestations.read_text().splitlines()]
    statements = [base64.b64decode(line["dsseEnvelope"]["payload"]).decode() for line in lines]
    return [*statements, repr(signed.provenance), str(signed.provenance.claims)]
