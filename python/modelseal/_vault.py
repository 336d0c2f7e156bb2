"""Servers that keep keys, and ways to log in to them."""

from __future__ import annotations

import math
import os

from modelseal import _native
from modelseal._errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as _datetime
    import typing as _t

    from typing_extensions import Self as _Self

    _Path = _t.Union[str, os.PathLike[str]]
    _Secret = _t.Union[str, _native._Secret]
    _Time = _t.Union[float, _datetime.timedelta]
    #: A kind of place, and the place.
    _Source = tuple[str, object]


class _Frozen:
    """What was said once and stays. Values that are secret are in no `repr` and no pickle."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        # Once, by `__init__`.
        if name not in _slots(self) or hasattr(self, name):
            raise AttributeError(f"{type(self).__name__} cannot be changed")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Frozen) or type(self) is not type(other):
            return NotImplemented
        return self._given() == other._given()

    def __hash__(self) -> int:
        return hash((type(self), tuple(self._given().items())))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={_shown(name, value)}" for name, value in self._given().items())
        return f"{type(self).__name__}({given})"

    def __copy__(self) -> _Self:
        return self

    def __deepcopy__(self, memo: object) -> _Self:
        return self

    def __reduce__(self) -> tuple[_t.Callable[..., _Frozen], tuple[type[_Frozen], dict[str, _t.Any]]]:
        given = self._given()
        secret = next((name for name, value in given.items() if isinstance(value, _native._Secret)), None)
        if secret is not None:
            raise TypeError(
                f"{type(self).__name__} holds a secret as {secret} and is not pickled: name its file instead"
            )
        return _remake, (type(self), given)

    def _given(self) -> dict[str, _t.Any]:
        # A traceback may show it half made.
        values: dict[str, _t.Any] = {name: getattr(self, name, None) for name in _slots(self)}
        return {name: value for name, value in values.items() if value is not None and value is not False}


class JwtAuth(_Frozen):
    """Log in with an identity token (OIDC), such as a CI system gives its jobs.

    role: the role of the server to log in to.
    identity: the platform that gives the job its token, such as "github", or "auto" for the first that is there; see
        `modelseal.identity.token`. The token is asked for after the model is hashed.
    token, token_file, token_env, token_command: otherwise exactly one: the identity token itself, a file, the name of
        an environment variable, or a program with its arguments that prints it. Files are read and programs are run
        after the model is hashed, since identity tokens live for minutes. There is no shell. A file or a variable may
        stand next to an `identity` that has one, such as "spiffe" or "gitlab".
    audience: what the token must be for; checked before it is sent. With `identity` otherwise the origin of the
        server's address.
    path: the mount of the login method; otherwise "jwt".

    Raises `UsageError` when it is not exactly one.
    """

    __slots__ = ("audience", "identity", "path", "role", "token", "token_command", "token_env", "token_file")

    def __init__(
        self,
        *,
        role: str,
        identity: str | None = None,
        token: _Secret | None = None,
        token_file: _Path | None = None,
        token_env: str | None = None,
        token_command: _t.Collection[_Path] | None = None,
        audience: str | None = None,
        path: str | None = None,
    ) -> None:
        token = _secret("token", token)
        self.role: _t.Final = _text("role", role)
        self.identity: _t.Final = _platform("identity", identity)
        self.token: _t.Final = token
        self.token_file: _t.Final = _file("token_file", token_file)
        self.token_env: _t.Final = _variable("token_env", token_env)
        self.token_command: _t.Final = _words("token_command", token_command)
        self.audience: _t.Final = _optional("audience", audience)
        self.path: _t.Final = _optional("path", path)
        if self.identity is None:
            _exactly_one(self, "token", "token_file", "token_env", "token_command")
        else:
            _at_most_one(self, "token_file", "token_env", "token_command")
            if token is not None:
                raise _usage("token and identity are given", "give one of them")

    def _credentials(self) -> dict[str, object]:
        token = _source(value=self.token, file=self.token_file, env=self.token_env, command=self.token_command)
        given = {"identity": self.identity, "identity_token": token}
        return _login("jwt", path=self.path, role=self.role, audience=self.audience, **given)


class KubernetesAuth(_Frozen):
    """Log in with the token of a Kubernetes service account.

    role: the role of the server to log in to.
    token_file: the file of the projected token; otherwise the one that every pod has.
    audience: what the token must be for; checked before it is sent.
    path: the mount of the login method; otherwise "kubernetes".
    """

    __slots__ = ("audience", "path", "role", "token_file")

    def __init__(
        self, *, role: str, token_file: _Path | None = None, audience: str | None = None, path: str | None = None
    ) -> None:
        self.role: _t.Final = _text("role", role)
        self.token_file: _t.Final = _file("token_file", token_file)
        self.audience: _t.Final = _optional("audience", audience)
        self.path: _t.Final = _optional("path", path)

    def _credentials(self) -> dict[str, object]:
        return _login(
            "kubernetes",
            path=self.path,
            role=self.role,
            audience=self.audience,
            service_account_token=self.token_file,
        )


class AppRoleAuth(_Frozen):
    """Log in with a role id and a secret id.

    role_id: the role id.
    secret_id, secret_id_file, secret_id_env, wrapped_secret_id, wrapped_secret_id_file: exactly one: the secret id
        itself, its file or environment variable, or a token that wraps it, or the file of that.
    role: the name of the role; the wrapping token must have been made for it.
    wrapping_path: where the wrapping token must have been made, if not at "auth/MOUNT/role/ROLE/secret-id".
    path: the mount of the login method; otherwise "approle".

    Raises `UsageError` when it is not exactly one, and when nothing says where a wrapping token must have been made.
    """

    __slots__ = (
        "path",
        "role",
        "role_id",
        "secret_id",
        "secret_id_env",
        "secret_id_file",
        "wrapped_secret_id",
        "wrapped_secret_id_file",
        "wrapping_path",
    )

    def __init__(
        self,
        *,
        role_id: str,
        secret_id: _Secret | None = None,
        secret_id_file: _Path | None = None,
        secret_id_env: str | None = None,
        wrapped_secret_id: _Secret | None = None,
        wrapped_secret_id_file: _Path | None = None,
        role: str | None = None,
        wrapping_path: str | None = None,
        path: str | None = None,
    ) -> None:
        secret_id, wrapped_secret_id = (
            _secret("secret_id", secret_id),
            _secret("wrapped_secret_id", wrapped_secret_id),
        )
        self.role_id: _t.Final = _text("role_id", role_id)
        self.secret_id: _t.Final = secret_id
        self.secret_id_file: _t.Final = _file("secret_id_file", secret_id_file)
        self.secret_id_env: _t.Final = _variable("secret_id_env", secret_id_env)
        self.wrapped_secret_id: _t.Final = wrapped_secret_id
        self.wrapped_secret_id_file: _t.Final = _file("wrapped_secret_id_file", wrapped_secret_id_file)
        self.role: _t.Final = _optional("role", role)
        self.wrapping_path: _t.Final = _optional("wrapping_path", wrapping_path)
        self.path: _t.Final = _optional("path", path)
        places = "secret_id", "secret_id_file", "secret_id_env", "wrapped_secret_id", "wrapped_secret_id_file"
        wrapped = _exactly_one(self, *places).startswith("wrapped")
        if wrapped and self.role is None and self.wrapping_path is None:
            raise _usage("a wrapped secret id needs role or wrapping_path", "say for which role it was made with role=")
        if not wrapped and self.wrapping_path is not None:
            raise _usage("wrapping_path belongs to a wrapped secret id", "leave it out")

    def _credentials(self) -> dict[str, object]:
        return _login(
            "approle",
            path=self.path,
            role=self.role,
            role_id=self.role_id,
            secret_id=_source(value=self.secret_id, file=self.secret_id_file, env=self.secret_id_env),
            wrapped_secret_id=_source(value=self.wrapped_secret_id, file=self.wrapped_secret_id_file),
            wrapping_path=self.wrapping_path,
        )


class TokenAuth(_Frozen):
    """Use a token of your own. It is looked up first, and never revoked.

    token, token_file, token_env: exactly one: the token itself, its file, or the name of its environment variable.

    Raises `UsageError` when it is not exactly one.
    """

    __slots__ = ("token", "token_env", "token_file")

    def __init__(
        self, *, token: _Secret | None = None, token_file: _Path | None = None, token_env: str | None = None
    ) -> None:
        token = _secret("token", token)
        self.token: _t.Final = token
        self.token_file: _t.Final = _file("token_file", token_file)
        self.token_env: _t.Final = _variable("token_env", token_env)
        _exactly_one(self, "token", "token_file", "token_env")

    def _credentials(self) -> dict[str, object]:
        return _login("token", token=_source(value=self.token, file=self.token_file, env=self.token_env))


class AgentAuth(_Frozen):
    """Use the token of Vault Agent or OpenBao Agent. It is never revoked.

    token_sink: the file that the agent keeps the token in. Without it the server must be an agent that adds its own
        token: name it with the variable VAULT_AGENT_ADDR.
    """

    __slots__ = ("token_sink",)

    def __init__(self, *, token_sink: _Path | None = None) -> None:
        self.token_sink: _t.Final = _file("token_sink", token_sink)

    def _credentials(self) -> dict[str, object]:
        return _login("agent", token_sink=self.token_sink)


class VaultServer(_Frozen):
    """A server of HashiCorp Vault or OpenBao. What is left out comes from the environment, as for the command.

    address: "https://HOST:PORT", perhaps with a path, or "unix:///PATH".
    namespace, auth_namespace: the namespace of the key's mount, and that of the login if it is another.
    ca_cert: a PEM file of certificate authorities; they replace those of the system.
    timeout: longest time for one step with all its repetitions, in seconds or as a `timedelta`; at most 15 minutes.
    max_token_ttl: tokens that live longer draw a warning; in seconds or as a `timedelta`.
    strict_token: refuse them instead.
    correlation_id: what the audit log of the server shall show of this run.
    danger_plain_http: use plain HTTP to other machines, which shows the token to everyone on the way.
    danger_skip_tls_verify: accept any certificate of the server.
    danger_unlimited_token: use a root token, or one that never expires.
    """

    __slots__ = (
        "address",
        "auth_namespace",
        "ca_cert",
        "correlation_id",
        "danger_plain_http",
        "danger_skip_tls_verify",
        "danger_unlimited_token",
        "max_token_ttl",
        "namespace",
        "strict_token",
        "timeout",
    )

    def __init__(
        self,
        *,
        address: str | None = None,
        namespace: str | None = None,
        auth_namespace: str | None = None,
        ca_cert: _Path | None = None,
        timeout: _Time | None = None,
        max_token_ttl: _Time | None = None,
        strict_token: bool = False,
        correlation_id: str | None = None,
        danger_plain_http: bool = False,
        danger_skip_tls_verify: bool = False,
        danger_unlimited_token: bool = False,
    ) -> None:
        self.address: _t.Final = _optional("address", address)
        self.namespace: _t.Final = _optional("namespace", namespace)
        self.auth_namespace: _t.Final = _optional("auth_namespace", auth_namespace)
        self.ca_cert: _t.Final = _file("ca_cert", ca_cert)
        self.timeout: _t.Final = _seconds("timeout", timeout)
        self.max_token_ttl: _t.Final = _seconds("max_token_ttl", max_token_ttl)
        self.strict_token: _t.Final = _flag("strict_token", strict_token)
        self.correlation_id: _t.Final = _optional("correlation_id", correlation_id)
        self.danger_plain_http: _t.Final = _flag("danger_plain_http", danger_plain_http)
        self.danger_skip_tls_verify: _t.Final = _flag("danger_skip_tls_verify", danger_skip_tls_verify)
        self.danger_unlimited_token: _t.Final = _flag("danger_unlimited_token", danger_unlimited_token)

    def _settings(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in VaultServer.__slots__}


_METHODS = (AgentAuth, AppRoleAuth, JwtAuth, KubernetesAuth, TokenAuth)
if TYPE_CHECKING:
    _Auth = _t.Union[AgentAuth, AppRoleAuth, JwtAuth, KubernetesAuth, TokenAuth]


def credentials_of(auth: object) -> dict[str, object] | None:
    """Return a way to log in as the native half takes it."""
    if auth is None:
        return None
    if not isinstance(auth, _METHODS):
        names = ", ".join(method.__name__ for method in _METHODS)
        raise TypeError(f"auth must be one of {names}, not {type(auth).__name__}")
    return auth._credentials()


def settings_of(server: object) -> dict[str, object] | None:
    """Return a server as the native half takes it."""
    if server is None:
        return None
    if not isinstance(server, VaultServer):
        raise TypeError(f"server must be VaultServer, not {type(server).__name__}")
    return server._settings()


def _login(method: str, **given: object) -> dict[str, object]:
    """Return every setting of every method; those of other methods are not given."""
    settings: dict[str, object] = dict.fromkeys(
        (
            "path",
            "role",
            "audience",
            "identity",
            "identity_token",
            "service_account_token",
            "role_id",
            "secret_id",
            "wrapped_secret_id",
            "wrapping_path",
            "token_sink",
            "token",
        )
    )
    return {"method": method, **settings, **given}


def _source(**places: object) -> _Source | None:
    return next(((kind, place) for kind, place in places.items() if place is not None), None)


def _at_most_one(auth: _Frozen, *names: str) -> None:
    if any(getattr(auth, name) is not None for name in names):
        _exactly_one(auth, *names)


def _exactly_one(auth: _Frozen, *names: str) -> str:
    """Return the one of these arguments that is given."""
    given = [name for name in names if getattr(auth, name) is not None]
    if len(given) != 1:
        found = f"{' and '.join(given)} are given" if given else "none is given"
        raise _usage(f"{type(auth).__name__} needs exactly one of {', '.join(names)}: {found}", "give one of them")
    return given[0]


def _secret(argument: str, value: object) -> _native._Secret | None:
    """Keep a secret where nothing shows it. The caller forgets the plain text with it: tracebacks can show locals."""
    if value is None or isinstance(value, _native._Secret):
        return value
    if not isinstance(value, str):
        kind = type(value).__name__
        del value
        raise TypeError(f"{argument} must be str, not {kind}")
    return _native._Secret(value)


def _text(argument: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be str, not {type(value).__name__}")
    return value


def _optional(argument: str, value: object) -> str | None:
    return None if value is None else _text(argument, value)


def _variable(argument: str, value: object) -> str | None:
    name = _optional(argument, value)
    # It may be a secret that was put into the wrong place: it is not quoted.
    if name is not None and not (name.isascii() and name.isidentifier()):
        raise _usage(f"{argument} is not the name of a variable", "a secret itself goes into the argument without _env")
    return name


def _platform(argument: str, value: object) -> str | None:
    name = _optional(argument, value)
    # Nor is this: a token may stand where its platform belongs.
    if name is not None and not (name.isascii() and name.isalpha() and len(name) < 32):
        raise _usage(f"{argument} is not the name of a platform", "a token itself goes into token")
    return name


def _file(argument: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{argument} must be str or os.PathLike, not {type(value).__name__}")
    return _text(argument, os.fspath(value))


def _words(argument: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    # One text would be a line for a shell, and there is none.
    if not isinstance(value, (list, tuple)) or not all(isinstance(word, (str, os.PathLike)) for word in value):
        raise TypeError(f"{argument} must be a list of the program and its arguments, each str or os.PathLike")
    if not value:
        raise _usage(f"{argument} is empty", "give the program and its arguments")
    return tuple(_text(argument, os.fspath(word)) for word in value)


def _seconds(argument: str, value: object) -> float | None:
    if value is None:
        return None
    import datetime

    seconds = value.total_seconds() if isinstance(value, datetime.timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{argument} must be a number of seconds or a timedelta, not {type(value).__name__}")
    if not (math.isfinite(seconds) and seconds > 0):
        raise _usage(f"{argument} is {seconds} s", "it must be a time that passes")
    return float(seconds)


def _flag(argument: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{argument} must be bool, not {type(value).__name__}")
    return value


def _slots(value: _Frozen) -> tuple[str, ...]:
    return value.__slots__


def _shown(name: str, value: object) -> str:
    # Arguments of a program can hold secrets, and an address a password.
    hidden = name == "token_command" or (name == "address" and "@" in str(value))
    return "<hidden>" if hidden else repr(value)


def _remake(cls: type[_Frozen], given: dict[str, _t.Any]) -> _Frozen:
    return cls(**given)


def _usage(message: str, hint: str) -> UsageError:
    return UsageError(message, code="usage/arguments", hint=hint)
