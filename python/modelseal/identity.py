"""Identity tokens: what CI systems, clusters and clouds give a job to say which job it is.

For services that ask their callers for one:

    import urllib.request
    from modelseal import identity

    request = urllib.request.Request(
        "https://models.example.com/promote",
        method="POST",
        headers=identity.get_actions_header("https://models.example.com"),
    )

The audience says for whom the token is; it is the service that will check it, and every token is looked at before it is
returned: form, issuer, audience, expiry. Its signature is not verified: that is up to whom it is shown.

Each call asks for a fresh token, since a service may take each only once. Nothing is kept. A token is a plain `str`, as
other libraries need it: whoever has it is this job until it expires, so do not print it, and do not hand it on in a
variable of the environment, a file or an output of the job. In logs, errors and exceptions of this package it never is.

The logger "modelseal.identity" gets every request at level DEBUG, without the token and what allows to ask for it, and
the source that was found at INFO. The interpreter is released meanwhile, and Ctrl-C stops at once.

To sign a model none of this is needed: the function that signs gets the token by itself, after hashing.
"""

from __future__ import annotations

from modelseal import _native, _vault
from modelseal._errors import IdentityError, IdentityUnavailable, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as _datetime
    import os
    import typing as _t

    _Path = _t.Union[str, os.PathLike[str]]
    _Time = _t.Union[float, _datetime.timedelta]

__all__ = ["IdentityError", "IdentityUnavailable", "get_actions_header", "get_actions_token", "token"]

_HIDDEN = "<hidden>"


def token(
    audience: str,
    *,
    source: str | None = None,
    issuer: str | None = None,
    file: _Path | None = None,
    env: str | None = None,
    command: _t.Collection[_Path] | None = None,
    timeout: _Time = 30,
) -> str:
    """Get a fresh identity token for `audience`.

    audience: for whom it shall be, such as the URL of a service. Where the platform's configuration decides that, the
        token must be for it all the same.
    source: "github", "forgejo", "gitlab", "buildkite", "circleci", "bitbucket", "azure", "spiffe", "kubernetes",
        "google", "file", "env" or "command"; by default the first that is there. One that is there and cannot be used
        is an error: no other identity is taken instead.
    issuer: the issuer that the token must have, instead of those that the platform usually has.
    file, env, command: at most one: a file with the token, the name of an environment variable, or a program with its
        arguments that prints it. There is no shell. With "spiffe" and "kubernetes" `file` is their file, with "gitlab"
        `env` is the job's variable.
    timeout: longest time for everything, in seconds or as a `timedelta`; at most 15 minutes.

    Raises `IdentityUnavailable` when there is no token to be had; `IdentityError` for one that cannot be used, such as
    one for another audience; `UsageError`.
    """
    given = [name for name, value in (("file", file), ("env", env), ("command", command)) if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are given", code="usage/arguments", hint="give one of them")
    return _native.identity_token(
        _vault._text("audience", audience),
        source=_vault._optional("source", source),
        issuer=_vault._optional("issuer", issuer),
        file=_vault._file("file", file),
        env=_vault._variable("env", env),
        command=_vault._words("command", command),
        timeout=_patience(timeout),
    )


def get_actions_token(audience: str, *, timeout: _Time = 30) -> str:
    """Get a fresh identity token for `audience` in a job of GitHub Actions or Forgejo Actions.

    The job needs `permissions: id-token: write`. Pull requests from forks get no token.

    Raises as `token` does: `IdentityUnavailable` everywhere else.
    """
    return _native.actions_token(_vault._text("audience", audience), timeout=_patience(timeout))


def get_actions_header(audience: str, *, timeout: _Time = 30) -> dict[str, str]:
    """Return `{"Authorization": "Bearer TOKEN"}` with a token of `get_actions_token`, for a request to `audience`.

    A dictionary for the `headers` of any HTTP library. Its `repr` shows no token, and it is not pickled. Use it for one
    request: services that watch for replays take each token once.
    """
    return _Header(Authorization="Bearer " + get_actions_token(audience, timeout=timeout))


class _Header(dict[str, str]):
    """Headers whose values are in no `repr` and no pickle."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, _HIDDEN))

    __str__ = __repr__

    def __rich_repr__(self) -> _t.Iterator[tuple[str, str]]:
        # Tracebacks of `rich` show locals, and look into dictionaries.
        yield from dict.fromkeys(self, _HIDDEN).items()

    def copy(self) -> _Header:
        """Return another one with the same headers."""
        return _Header(self)

    __copy__ = copy

    def __deepcopy__(self, memo: object) -> _Header:
        return self.copy()

    def __or__(self, other: _t.Any) -> _t.Any:  # noqa: ANN401 - as the inherited one
        return _Header({**self, **other}) if isinstance(other, dict) else NotImplemented

    def __ror__(self, other: _t.Any) -> _t.Any:  # noqa: ANN401
        return _Header({**other, **self}) if isinstance(other, dict) else NotImplemented

    def __reduce_ex__(self, protocol: object) -> _t.NoReturn:
        raise TypeError("headers with an identity token are not pickled: get some where they are needed")


def _patience(timeout: object) -> float:
    seconds = _vault._seconds("timeout", timeout)
    if seconds is None:
        raise TypeError("timeout must be a number of seconds or a timedelta, not None")
    return seconds
