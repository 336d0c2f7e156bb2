"""Ways to log in, and servers: frozen values that check what they are given and show no secret."""

from __future__ import annotations

import copy
import datetime
import inspect
import pickle
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import modelseal
import pytest
from modelseal import _native

SECRET = "hvs.planted-8c1f"
CLASSES: list[Any] = [
    modelseal.AgentAuth,
    modelseal.AppRoleAuth,
    modelseal.JwtAuth,
    modelseal.KubernetesAuth,
    modelseal.TokenAuth,
    modelseal.VaultServer,
]
#: Each with a secret as a value.
WITH_SECRETS: list[tuple[Any, dict[str, Any], str]] = [
    (modelseal.JwtAuth, {"role": "ci", "token": SECRET}, "JwtAuth(role='ci', token=<secret>)"),
    (modelseal.AppRoleAuth, {"role_id": "r", "secret_id": SECRET}, "AppRoleAuth(role_id='r', secret_id=<secret>)"),
    (
        modelseal.AppRoleAuth,
        {"role_id": "r", "wrapped_secret_id": SECRET, "role": "ci"},
        "AppRoleAuth(role='ci', role_id='r', wrapped_secret_id=<secret>)",
    ),
    (modelseal.TokenAuth, {"token": SECRET}, "TokenAuth(token=<secret>)"),
]
WITHOUT: list[tuple[Any, dict[str, Any], str]] = [
    (
        modelseal.JwtAuth,
        {"role": "ci", "token_file": Path("/t"), "audience": "a", "path": "team/jwt"},
        "JwtAuth(audience='a', path='team/jwt', role='ci', token_file='/t')",
    ),
    (modelseal.JwtAuth, {"role": "ci", "token_env": "T"}, "JwtAuth(role='ci', token_env='T')"),
    (modelseal.JwtAuth, {"role": "ci", "identity": "github"}, "JwtAuth(identity='github', role='ci')"),
    (
        modelseal.JwtAuth,
        {"role": "ci", "identity": "gitlab", "token_env": "T"},
        "JwtAuth(identity='gitlab', role='ci', token_env='T')",
    ),
    (
        modelseal.JwtAuth,
        {"role": "ci", "token_command": ["fetch", "--key", SECRET]},
        "JwtAuth(role='ci', token_command=<hidden>)",
    ),
    (modelseal.KubernetesAuth, {"role": "ci"}, "KubernetesAuth(role='ci')"),
    (
        modelseal.AppRoleAuth,
        {"role_id": "r", "wrapped_secret_id_file": "/w", "wrapping_path": "sys/wrapping/wrap"},
        "AppRoleAuth(role_id='r', wrapped_secret_id_file='/w', wrapping_path='sys/wrapping/wrap')",
    ),
    (modelseal.TokenAuth, {"token_file": "/t"}, "TokenAuth(token_file='/t')"),
    (modelseal.AgentAuth, {}, "AgentAuth()"),
    (modelseal.AgentAuth, {"token_sink": "/s"}, "AgentAuth(token_sink='/s')"),
    (modelseal.VaultServer, {}, "VaultServer()"),
    (
        modelseal.VaultServer,
        {"address": "https://v", "timeout": 5, "max_token_ttl": datetime.timedelta(minutes=2), "strict_token": True},
        "VaultServer(address='https://v', max_token_ttl=120.0, strict_token=True, timeout=5.0)",
    ),
    (modelseal.VaultServer, {"address": f"https://me:{SECRET}@v"}, "VaultServer(address=<hidden>)"),
]


@pytest.mark.smoke
@pytest.mark.parametrize(("made", "given", "shown"), WITH_SECRETS + WITHOUT, ids=str)
def test_what_is_shown(made: Any, given: dict[str, Any], shown: str) -> None:
    value = made(**given)
    assert repr(value) == str(value) == shown
    assert SECRET not in f"{value!r:} {value}"
    # There is no dictionary that a log could dump.
    with pytest.raises(TypeError):
        vars(value)
    if "token_command" not in given and "address" not in given:
        assert SECRET not in repr([getattr(value, name) for name in dir(value) if not name.startswith("__")])


@pytest.mark.smoke
@pytest.mark.parametrize(("made", "given", "shown"), WITH_SECRETS, ids=str)
def test_secrets_are_not_pickled(made: Any, given: dict[str, Any], shown: str) -> None:
    value = made(**given)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="secret") as refused:
            pickle.dumps(value, protocol)
        assert SECRET not in str(refused.value)
    assert copy.copy(value) is value
    assert copy.deepcopy({"auth": value})["auth"] is value


def test_a_secret_by_itself_is_not_pickled_either() -> None:
    secret = modelseal.TokenAuth(token=SECRET).token
    assert type(secret) is _native._Secret
    assert repr(secret) == str(secret) == "<secret>"
    assert SECRET not in repr([getattr(secret, name) for name in dir(secret)])
    dumps: list[Any] = [pickle.dumps, copy.copy, copy.deepcopy]
    for dump in dumps:
        with pytest.raises(TypeError):
            dump(secret)
    # It can be handed on.
    assert repr(modelseal.JwtAuth(role="ci", token=secret)) == "JwtAuth(role='ci', token=<secret>)"


@pytest.mark.smoke
@pytest.mark.parametrize(("made", "given", "shown"), WITHOUT, ids=str)
def test_the_others_are(made: Any, given: dict[str, Any], shown: str) -> None:
    value = made(**given)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        twin = pickle.loads(pickle.dumps(value, protocol))
        assert twin == value
        assert hash(twin) == hash(value)
        assert repr(twin) == shown
    assert value not in [made, shown]


@pytest.mark.parametrize(("made", "given", "shown"), WITH_SECRETS + WITHOUT, ids=str)
def test_nothing_changes(made: Any, given: dict[str, Any], shown: str) -> None:
    value = made(**given)
    for name in [*made.__slots__, "invented"]:
        with pytest.raises(AttributeError):
            setattr(value, name, "x")
        with pytest.raises(AttributeError):
            delattr(value, name)
    assert repr(value) == shown


@pytest.mark.parametrize("made", CLASSES)
def test_every_argument_is_a_keyword_an_attribute_and_explained(made: Any) -> None:
    parameters = list(inspect.signature(made).parameters.values())
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters)
    names = [parameter.name for parameter in parameters]
    assert sorted(names) == sorted(made.__slots__)
    lines = re.findall(r"^([a-z_]+(?:, [a-z_]+)*): ", inspect.getdoc(made) or "", re.MULTILINE)
    assert [name for line in lines for name in line.split(", ")] == names
    assert made.__module__ == "modelseal"
    for parameter in parameters:
        if parameter.name.startswith("danger_"):
            assert parameter.default is False


@pytest.mark.parametrize(
    ("made", "given", "parts"),
    [
        (modelseal.JwtAuth, {"role": "ci"}, ["token, token_file, token_env, token_command", "none"]),
        (modelseal.JwtAuth, {"role": "ci", "token": SECRET, "token_file": "f"}, ["token and token_file are given"]),
        (modelseal.JwtAuth, {"role": "ci", "token_env": "E", "token_command": ["c"]}, ["token_env and token_command"]),
        (modelseal.JwtAuth, {"role": "ci", "token_command": []}, ["token_command is empty"]),
        (modelseal.JwtAuth, {"role": "ci", "identity": "github", "token": SECRET}, ["token and identity are given"]),
        (
            modelseal.JwtAuth,
            {"role": "ci", "identity": "gitlab", "token_env": "E", "token_file": "f"},
            ["token_file and token_env are given"],
        ),
        (modelseal.AppRoleAuth, {"role_id": "r"}, ["secret_id_file", "wrapped_secret_id_file", "none"]),
        (
            modelseal.AppRoleAuth,
            {"role_id": "r", "secret_id": SECRET, "wrapped_secret_id": SECRET, "role": "ci"},
            ["secret_id and wrapped_secret_id are given"],
        ),
        (modelseal.AppRoleAuth, {"role_id": "r", "wrapped_secret_id": SECRET}, ["role or wrapping_path"]),
        (modelseal.AppRoleAuth, {"role_id": "r", "secret_id_env": "E", "wrapping_path": "p"}, ["wrapping_path"]),
        (modelseal.TokenAuth, {}, ["token, token_file, token_env", "none"]),
        (modelseal.TokenAuth, {"token": SECRET, "token_env": "E"}, ["token and token_env are given"]),
        (modelseal.VaultServer, {"timeout": 0}, ["timeout"]),
        (modelseal.VaultServer, {"timeout": float("nan")}, ["timeout"]),
        (modelseal.VaultServer, {"max_token_ttl": datetime.timedelta(seconds=-1)}, ["max_token_ttl"]),
    ],
    ids=str,
)
def test_what_contradicts_itself_is_refused(made: Any, given: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(modelseal.UsageError) as refused:
        made(**given)
    assert refused.value.code == "usage/arguments"
    assert refused.value.hint
    for part in parts:
        assert part in refused.value.message
    assert "planted" not in shown_with_locals(refused.value)


@pytest.mark.parametrize("name", [SECRET, "", "A B", "\u00e9"])
def test_what_is_no_name_is_not_quoted(name: str) -> None:
    for made, given in [
        (modelseal.JwtAuth, {"role": "ci", "token_env": name}),
        (modelseal.AppRoleAuth, {"role_id": "r", "secret_id_env": name}),
        (modelseal.TokenAuth, {"token_env": name}),
        (modelseal.JwtAuth, {"role": "ci", "identity": name}),
    ]:
        with pytest.raises(modelseal.UsageError) as refused:
            made(**given)
        assert not name or name not in str(refused.value) + refused.value.hint


@pytest.mark.parametrize(
    ("made", "given"),
    [
        (modelseal.JwtAuth, {}),
        (modelseal.JwtAuth, {"role": None, "token": SECRET}),
        (modelseal.JwtAuth, {"role": 1, "token": SECRET}),
        (modelseal.JwtAuth, {"role": "ci", "token": SECRET.encode()}),
        (modelseal.JwtAuth, {"role": "ci", "token": 1}),
        (modelseal.JwtAuth, {"role": "ci", "token_file": b"f"}),
        (modelseal.JwtAuth, {"role": "ci", "token_env": 1}),
        (modelseal.JwtAuth, {"role": "ci", "token_command": "fetch --token"}),
        (modelseal.JwtAuth, {"role": "ci", "token_command": [1]}),
        (modelseal.JwtAuth, {"role": "ci", "identity": b"github"}),
        (modelseal.JwtAuth, {"role": "ci", "token": SECRET, "audience": ["a"]}),
        (modelseal.KubernetesAuth, {"role": "ci", "token_file": 1}),
        (modelseal.AppRoleAuth, {"secret_id": SECRET}),
        (modelseal.AppRoleAuth, {"role_id": "r", "secret_id": SECRET.encode()}),
        (modelseal.TokenAuth, {"token": object()}),
        (modelseal.AgentAuth, {"token_sink": b"s"}),
        (modelseal.VaultServer, {"address": 1}),
        (modelseal.VaultServer, {"ca_cert": b"f"}),
        (modelseal.VaultServer, {"timeout": "5s"}),
        (modelseal.VaultServer, {"timeout": True}),
        (modelseal.VaultServer, {"strict_token": 1}),
        (modelseal.VaultServer, {"danger_plain_http": "yes"}),
        (modelseal.VaultServer, {"danger_skip_tls_verify": None}),
    ],
    ids=str,
)
def test_types(made: Any, given: dict[str, Any]) -> None:
    with pytest.raises(TypeError) as refused:
        made(**given)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "given", [{"auth": "jwt"}, {"auth": modelseal.VaultServer()}, {"server": "https://v"}], ids=str
)
def test_types_where_they_are_used(model: Path, given: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        modelseal.sign_model_artifact(model, key="hashivault://models", **given)
    with pytest.raises(TypeError):
        modelseal.verify_model_artifact(model, key="hashivault://models", name="model", **given)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"server": modelseal.VaultServer(address="ftp://v")}, "vault/address"),
        ({"server": modelseal.VaultServer(address=f"https://me:{SECRET}@v")}, "vault/address"),
        ({"server": modelseal.VaultServer(address="http://vault.example")}, "vault/plain-http"),
        ({"server": modelseal.VaultServer(namespace="a//b")}, "usage/arguments"),
        ({"server": modelseal.VaultServer(timeout=1e300)}, "usage/arguments"),
        ({"server": modelseal.VaultServer(timeout=3600)}, "usage/arguments"),
        ({"server": modelseal.VaultServer(ca_cert="/not/there.pem")}, "input/not-found"),
        ({"auth": modelseal.TokenAuth(token_env="MODELSEAL_TEST_NOT_SET")}, "vault/no-credentials"),
        ({"auth": modelseal.TokenAuth(token_file="/not/there")}, "vault/no-credentials"),
        ({"auth": modelseal.JwtAuth(role="ci", token_file="/not/there")}, "identity/missing"),
        ({"auth": modelseal.JwtAuth(role="ci", token=SECRET, path="/jwt")}, "usage/arguments"),
        ({"auth": modelseal.TokenAuth(token=SECRET + "\udc80")}, "vault/credentials"),
        ({"auth": modelseal.JwtAuth(role="ci", token=SECRET + "\n" + SECRET)}, "identity/malformed"),
        ({"auth": modelseal.JwtAuth(role="ci", identity="hithub")}, "usage/arguments"),
        ({"auth": modelseal.JwtAuth(role="ci", identity="buildkite")}, "identity/missing"),
        ({"auth": modelseal.AgentAuth()}, "vault/no-credentials"),
        ({}, "vault/no-credentials"),
    ],
    ids=str,
)
def test_refused_before_anything_is_asked(
    model: Path, given: dict[str, Any], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ["VAULT_TOKEN", "BAO_TOKEN", "VAULT_AGENT_ADDR", "BAO_AGENT_ADDR"]:
        monkeypatch.delenv(name, raising=False)
    calls: list[Any] = [
        lambda: modelseal.sign_model_artifact(model, key="hashivault://models", **given),
        lambda: modelseal.verify_model_artifact(model, key="hashivault://models", name="model", **given),
        lambda: modelseal.attest_model_artifact(
            model, key="hashivault://models", type="urn:scan", predicate={}, name="model", **given
        ),
    ]
    for call in calls:
        with pytest.raises(modelseal.ModelsealError) as refused:
            call()
        assert refused.value.code == code
        assert refused.value.hint
        assert SECRET not in shown_with_locals(refused.value)
    assert not (model / "model.sig").exists()


def test_retryable_is_exactly_status_5(model: Path) -> None:
    # The table says which codes those are; what is raised says it, too.
    unreachable = modelseal.VaultServer(address="http://127.0.0.1:1", timeout=5)
    with pytest.raises(modelseal.BackendError) as refused:
        modelseal.sign_model_artifact(
            model, key="hashivault://models", auth=modelseal.TokenAuth(token=SECRET), server=unreachable
        )
    assert (refused.value.code, refused.value.retryable) == ("vault/unreachable", True)
    statuses = {code: status for code, status, _, _ in _native._codes()}
    assert statuses["vault/unreachable"] == 5
    assert pickle.loads(pickle.dumps(refused.value)).retryable


def shown_with_locals(error: BaseException) -> str:
    """Write an exception as error reporters do: with the local variables of every function of the package."""
    package = str(Path(modelseal.__file__).parent)
    told = traceback.format_exception(type(error), error, error.__traceback__)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    local = [repr(frame.f_locals) for frame in frames if frame.f_code.co_filename.startswith(package)]
    notes = getattr(error, "__notes__", []) if sys.version_info >= (3, 11) else []
    return "".join([*told, *local, *notes, repr(error), repr(error.args), repr(error.__dict__)])
