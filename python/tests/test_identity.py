"""Identity tokens of the platform. What other programs got wrong has tests by name."""

from __future__ import annotations

import copy
import datetime
import json
import logging
import os
import pickle
import signal
import sys
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import modelseal
import pytest
from actions_endpoint import ISSUER, PATH, REQUEST_TOKEN, SIGNATURE, Endpoint, claims_of, mint
from modelseal import identity

pytest_plugins = ["actions_job"]

AUDIENCE = "https://vault.example:8200/a b&c=d?e#f+g%20ü"
ENCODED = "audience=https%3A%2F%2Fvault.example%3A8200%2Fa%20b%26c%3Dd%3Fe%23f%2Bg%2520%C3%BC"
#: Far above what is measured: a machine that runs the tests may be busy.
BOUND = 10.0
PATIENCE = 60.0

#: Both ways to ask in a job of Actions.
GET: list[Callable[..., str]] = [identity.token, identity.get_actions_token]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """This is no job of any platform."""
    for name in list(os.environ):
        if name.startswith(("ACTIONS_", "BITBUCKET_", "BUILDKITE", "CI", "FORGEJO_", "GITEA_", "GITHUB_", "GITLAB_")):
            monkeypatch.delenv(name)
        if name.startswith(("MODELSEAL_", "SPIFFE_", "SYSTEM_")):
            monkeypatch.delenv(name)


def refused(get: Callable[..., object] = identity.get_actions_token, **arguments: Any) -> modelseal.IdentityError:
    """Return the refusal of a token, which shows no secret in any way."""
    with pytest.raises(modelseal.IdentityError) as refused:
        get(AUDIENCE, **arguments)
    error = refused.value
    assert isinstance(error, modelseal.BackendError)
    assert error.retryable is (error.code == "identity/unavailable")
    unavailable = error.code in {"identity/missing", "identity/fork", "identity/unavailable"}
    assert type(error) is (modelseal.IdentityUnavailable if unavailable else modelseal.IdentityError)
    assert error.hint
    shown = [
        str(error),
        repr(error),
        error.hint,
        repr(vars(error)),
        *ours(error),
        pickle.dumps(error).decode("latin-1"),
    ]
    for secret in [REQUEST_TOKEN, SIGNATURE]:
        assert secret not in "".join(shown)
    # The command's switches are keywords here.
    assert "--" not in str(error) + error.hint
    return error


def ours(error: BaseException) -> list[str]:
    """Return our frames of a traceback with their local variables."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    package = str(Path(modelseal.__file__).parent)
    frames = [frame for frame in shown.stack if frame.filename.startswith(package)]
    assert frames
    return [repr((frame.line, frame.locals)) for frame in frames]


@pytest.mark.parametrize("get", GET)
def test_the_audience_is_encoded_and_the_query_kept(endpoint: Endpoint, get: Callable[..., str]) -> None:
    token = get(AUDIENCE)
    assert type(token) is str
    assert claims_of(token)["aud"] == AUDIENCE
    [(target, headers)] = endpoint.asked
    path, query = target.split("?")
    assert f"{path}?" == PATH.split("api-version", maxsplit=1)[0]
    assert query.replace("+", "%20").split("&") == ["api-version=2.0", ENCODED]
    assert headers["authorization"] == f"bearer {REQUEST_TOKEN}"
    assert headers["accept"] == "application/json"


def test_every_call_gets_another_token(endpoint: Endpoint) -> None:
    tokens = [identity.get_actions_token("a") for _ in range(3)]
    assert [claims_of(token)["jti"] for token in tokens] == ["1", "2", "3"]
    assert len(endpoint.asked) == 3


def test_an_array_of_audiences_is_read(endpoint: Endpoint) -> None:
    endpoint.give(token := mint(["other", AUDIENCE]))
    assert identity.get_actions_token(AUDIENCE) == token


@pytest.mark.parametrize("audience", ["https://github.com/acme", ["other"], [], None, AUDIENCE.upper()])
def test_an_audience_that_was_dropped_on_the_way_is_noticed(endpoint: Endpoint, audience: object) -> None:
    endpoint.give(mint(audience) if audience is not None else mint([]))
    error = refused()
    assert error.code == "identity/audience"
    assert AUDIENCE in error.message or "\\" in error.message
    assert "audience=" in error.hint


def test_a_refusal_is_final_and_no_token(endpoint: Endpoint) -> None:
    for status in [400, 401, 403, 404]:
        endpoint.asked.clear()
        endpoint.say(status, {"value": mint(AUDIENCE), "message": f"no \x1b[2J {REQUEST_TOKEN}"})
        error = refused()
        assert error.code == "identity/missing"
        assert f"status {status}" in error.message
        assert "\x1b" not in error.message
        assert len(endpoint.asked) == 1
    endpoint.say(403)
    assert refused().code == "identity/missing"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"value":""}', b'{"value":null}', b"<html>", b'"a.b.c"'])
def test_an_answer_without_a_token_is_refused(endpoint: Endpoint, body: bytes) -> None:
    endpoint.say(200, body)
    assert refused().code == "identity/malformed"


def test_passing_failures_are_tried_again(endpoint: Endpoint) -> None:
    endpoint.say(503, Retry_After="0")
    endpoint.say(429, Retry_After="1")
    endpoint.say(500)
    started = time.monotonic()
    assert claims_of(identity.get_actions_token(AUDIENCE))["aud"] == AUDIENCE
    assert time.monotonic() - started >= 1.0
    assert len(endpoint.asked) == 4


def test_the_last_cause_is_shown(endpoint: Endpoint) -> None:
    # There is no time to wait as long as that.
    endpoint.say(503, b"the back end rests", Retry_After="3600")
    error = refused()
    assert error.code == "identity/unavailable"
    assert "status 503: the back end rests" in error.message
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(endpoint: Endpoint, status: int) -> None:
    endpoint.say(status, Location=f"{endpoint.url}/elsewhere?code={SIGNATURE}")
    assert "redirects" in refused().message
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("timeout", [0.3, datetime.timedelta(milliseconds=300)])
@pytest.mark.parametrize("get", GET)
def test_the_timeout_is_for_everything(endpoint: Endpoint, get: Callable[..., str], timeout: Any) -> None:
    endpoint.answers = [None] * 20
    started = time.monotonic()
    assert refused(get, timeout=timeout).code == "identity/unavailable"
    assert time.monotonic() - started < BOUND


def test_one_that_has_expired_is_asked_for_once_more(endpoint: Endpoint) -> None:
    endpoint.give(mint(AUDIENCE, exp=int(time.time()) - 5))
    assert claims_of(identity.get_actions_token(AUDIENCE))["exp"] > time.time()
    for _ in range(2):
        endpoint.give(mint(AUDIENCE, exp=int(time.time()) - 5))
    assert refused().code == "identity/expired"


def test_another_issuer_is_refused(endpoint: Endpoint) -> None:
    endpoint.give(mint(AUDIENCE, iss=f"{ISSUER}.evil.example"))
    error = refused()
    assert error.code == "identity/malformed"
    assert "issuer=" in error.hint
    endpoint.give(mint(AUDIENCE, iss="https://ghes.example/mine"))
    identity.token(AUDIENCE, source="github", issuer="https://ghes.example/mine")


@pytest.mark.parametrize("get", GET)
def test_a_missing_permission_is_named(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, get: Callable[..., str]
) -> None:
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL")
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    error = refused(get)
    assert error.code == "identity/missing"
    assert "\n    permissions:\n      contents: read\n      id-token: write\n" in error.hint
    if sys.version_info >= (3, 11):
        assert "      id-token: write\n" in "".join(traceback.format_exception(error))


def test_a_fork_is_told_so(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL")
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    event = tmp_path / "event.json"
    head, base = {"repo": {"full_name": "mallory/llama"}}, {"repo": {"full_name": "acme/llama"}}
    event.write_text(json.dumps({"pull_request": {"head": head, "base": base}}))
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    error = refused()
    assert error.code == "identity/fork"
    assert "fork" in error.message
    assert "mallory" not in str(error)
    assert not endpoint.asked


def test_half_of_the_means_is_a_changed_environment(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    for get in GET:
        with pytest.raises(modelseal.UsageError, match="ACTIONS_ID_TOKEN_REQUEST_URL is set"):
            get(AUDIENCE)


def test_forgejo_is_one_of_them(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORGEJO_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://forge.example")
    for get in GET:
        endpoint.give(token := mint(AUDIENCE, iss="https://forge.example/api/actions"))
        assert get(AUDIENCE) == token
    assert refused().code == "identity/malformed"


def test_elsewhere_there_is_none() -> None:
    error = refused()
    assert error.code == "identity/missing"
    assert "GITHUB_ACTIONS" in error.message
    assert "modelseal.identity.token()" in error.hint
    error = refused(identity.token)
    assert error.code == "identity/missing"
    assert "github: GITHUB_ACTIONS is not true" in error.message


def test_what_is_there_and_broken_is_not_passed_over(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(mint(AUDIENCE))
    monkeypatch.setenv("MODELSEAL_SERVICE_ACCOUNT_TOKEN", str(file))
    endpoint.say(403)
    assert refused(identity.token).code == "identity/missing"
    identity.token(AUDIENCE, source="kubernetes")


def test_tokens_that_the_caller_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = mint(["other", AUDIENCE], iss="https://issuer.example")
    file = tmp_path / "token"
    file.write_text(f" {token}\n\n")
    monkeypatch.setenv("CI_TOKEN", token)
    program = [sys.executable, "-c", "import sys; print(open(sys.argv[1]).read())", file]
    ways: list[dict[str, Any]] = [{"file": str(file)}, {"file": file}, {"env": "CI_TOKEN"}, {"command": program}]
    for way in ways:
        [source] = way
        assert identity.token(AUDIENCE, **way) == token
        assert identity.token(AUDIENCE, source=source, **way) == token
        assert refused(identity.token, issuer="https://other.example", **way).code == "identity/malformed"
        with pytest.raises(modelseal.IdentityError) as another:
            identity.token("another", **way)
        assert another.value.code == "identity/audience"
    monkeypatch.setenv("GITLAB_CI", "true")
    assert identity.token(AUDIENCE, source="gitlab", env="CI_TOKEN", issuer="https://issuer.example") == token
    error = refused(identity.token)
    assert "id_tokens" in error.hint
    assert "env=" in error.hint


def test_a_program_that_fails_shows_nothing() -> None:
    script = f"import sys; print('{SIGNATURE}'); print('{SIGNATURE}', file=sys.stderr); sys.exit(3)"
    with pytest.raises(modelseal.IdentityUnavailable) as failed:
        identity.token(AUDIENCE, command=[sys.executable, "-c", script])
    assert SIGNATURE not in str(failed.value) + failed.value.hint
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    started = time.monotonic()
    assert "0.3 s" in refused(identity.token, command=sleep, timeout=0.3).message
    assert time.monotonic() - started < BOUND


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"audience": ""}, "audience"),
        ({"audience": "a\nb"}, "audience"),
        ({"source": "jenkins"}, "jenkins"),
        ({"source": "github", "file": "f"}, "file="),
        ({"source": "github", "env": "E"}, "env="),
        ({"source": "github", "command": ["c"]}, "command="),
        ({"file": "f", "env": "E"}, "file and env"),
        ({"env": "not a name"}, "env"),
        ({"command": []}, "command"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": 1e-12}, "timeout"),
        ({"timeout": 901}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(modelseal.UsageError, match=said) as refused:
        identity.token(**{"audience": "a", **arguments})
    assert refused.value.code == "usage/arguments"
    assert "--" not in str(refused.value) + refused.value.hint


@pytest.mark.parametrize(
    "arguments",
    [
        {"audience": None},
        {"audience": b"a"},
        {"audience": ["a"]},
        {"timeout": None},
        {"timeout": "30"},
        {"timeout": True},
        {"source": 1},
        {"issuer": b"i"},
        {"file": 3},
        {"env": 3},
        {"command": "fetch token"},
    ],
)
def test_types(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        identity.token(**{"audience": "a", **arguments})


def test_the_audience_is_not_left_out(endpoint: Endpoint) -> None:
    gets: list[Any] = [identity.token, identity.get_actions_token, identity.get_actions_header]
    for get in gets:
        with pytest.raises(TypeError):
            get()
    assert not endpoint.asked


@pytest.mark.smoke
def test_the_header_hides_what_it_holds(endpoint: Endpoint) -> None:
    header = identity.get_actions_header(AUDIENCE)
    assert isinstance(header, dict)
    assert list(header) == ["Authorization"]
    scheme, token = header["Authorization"].split(" ")
    assert (scheme, claims_of(token)["aud"]) == ("Bearer", AUDIENCE)
    more: dict[str, str] = {"Accept": "a"}
    others = [header, header.copy(), copy.copy(header), copy.deepcopy(header), header | more, more | header]
    updated = copy.copy(header)
    updated |= more
    for other in [*others, updated]:
        assert type(other) is type(header)
        assert other["Authorization"] == header["Authorization"]
        for shown in [repr(other), str(other), f"{other} {other!r:}", repr([other])]:
            assert SIGNATURE not in shown
            assert "'Authorization': '<hidden>'" in shown
    assert others[1] == header
    assert others[1] is not header
    assert others[-1] == {**more, **header}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(header, protocol)


def test_rich_tracebacks_hide_it_too(endpoint: Endpoint) -> None:
    pretty = pytest.importorskip("rich.pretty")
    assert SIGNATURE not in pretty.pretty_repr({"headers": identity.get_actions_header(AUDIENCE)})


def test_the_header_is_sent_as_any_other(endpoint: Endpoint) -> None:
    header = identity.get_actions_header(AUDIENCE)
    endpoint.asked.clear()
    endpoint.say(200)
    urllib.request.urlopen(urllib.request.Request(endpoint.url, headers=header)).close()
    libraries = 1
    for name in ["requests", "httpx"]:
        try:
            library = __import__(name)
        except ImportError:
            continue
        endpoint.say(200)
        assert library.get(endpoint.url, headers=header).status_code == 200
        libraries += 1
    assert [headers["authorization"] for _, headers in endpoint.asked] == [header["Authorization"]] * libraries


def test_nothing_secret_is_logged(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint.say(503, f"{REQUEST_TOKEN} {mint(AUDIENCE)}", Retry_After="0")
    identity.token(AUDIENCE)
    identity.get_actions_header("a")
    ours = [record for record in caplog.records if record.name == "modelseal.identity"]
    lines = [(record.levelname, record.getMessage().rsplit(" ", 2)[0]) for record in ours]
    # A record has no colon.
    path = endpoint.url.split("//")[1].replace(":", "?") + PATH.split("?")[0]
    asked = [("DEBUG", f"GET {path} {status}") for status in (503, 200, 200)]
    assert [line for line in lines if line[0] == "DEBUG"] == asked
    assert ours[0].getMessage().startswith("github, GITHUB_ACTIONS is true; for https://vault.example:8200/")
    assert not [record for record in caplog.records if record not in ours]
    shown = "".join(repr(vars(record)) for record in caplog.records)
    for secret in [REQUEST_TOKEN, SIGNATURE, "api-version"]:
        assert secret not in shown


def test_side_by_side_in_many_threads(endpoint: Endpoint) -> None:
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda number: identity.get_actions_token(f"a{number % 4}"), range(32)))
    assert {claims_of(token)["jti"] for token in tokens} == {str(serial) for serial in range(1, 33)}
    assert [claims_of(token)["aud"] for token in tokens] == [f"a{number % 4}" for number in range(32)]


def test_other_threads_go_on(endpoint: Endpoint) -> None:
    # The endpoint itself is Python: with the interpreter held it would never answer.
    endpoint.answers = [None]
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(identity.get_actions_token, AUDIENCE)
        assert endpoint.held.wait(PATIENCE)
        assert sum(range(100_000)) == 4_999_950_000
        endpoint.released.set()
        assert claims_of(asking.result(PATIENCE))["aud"] == AUDIENCE


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX sends them")
@pytest.mark.parametrize("get", [*GET, identity.get_actions_header])
def test_ctrl_c(endpoint: Endpoint, get: Callable[..., object]) -> None:
    endpoint.answers = [None] * 20

    def interrupt() -> None:
        if endpoint.held.wait(PATIENCE):
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as interrupted:
        get(AUDIENCE)
    assert time.monotonic() - started < BOUND
    thread.join(PATIENCE)
    assert type(interrupted.value) is KeyboardInterrupt
    assert REQUEST_TOKEN not in "".join(ours(interrupted.value))


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX sends them")
def test_ctrl_c_while_it_waits_to_ask_again(endpoint: Endpoint) -> None:
    endpoint.say(503, Retry_After="20")

    def interrupt() -> None:
        while not endpoint.asked:
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        identity.token(AUDIENCE)
    thread.join(PATIENCE)
    assert len(endpoint.asked) == 1
