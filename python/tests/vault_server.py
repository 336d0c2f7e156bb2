"""A real OpenBao server, and an issuer of identity tokens, as fixtures.

A test module has them with `pytest_plugins = ["vault_server"]`.
"""

from __future__ import annotations

import importlib.util
import json
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "tests" / "vault"
#: The `aud` of every token.
AUDIENCE = "https://vault.example"


@dataclass(frozen=True)
class Issuer:
    """Signs tokens like those of a CI job."""

    directory: Path

    @property
    def public_pem(self) -> str:
        return (self.directory / "issuer.pem").read_text()

    def token(self, audience: str = AUDIENCE, expires_in: float = 300, **claims: object) -> str:
        """Return a token of a job on the main branch; a claim that is None is left out."""
        options = ["--claims", json.dumps(claims), "--audience", audience, "--expires-in", str(expires_in)]
        minted = subprocess.run(
            [sys.executable, SCRIPTS / "issuer.py", "mint", self.directory, *options],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return minted.stdout.strip()

    @property
    def jwks(self) -> Path:
        """A file with its key set."""
        path = self.directory / "jwks.json"
        path.write_text(json.dumps(self.key_set()))
        return path

    def key_set(self) -> Any:
        spec = importlib.util.spec_from_file_location("issuer", SCRIPTS / "issuer.py")
        assert spec and spec.loader
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        return {"keys": [script.public_jwk(self.directory)]}


@dataclass(frozen=True)
class AppRole:
    """A mount with one role, called `ci`."""

    mount: str
    role_id: str


@dataclass(frozen=True)
class Server:
    """A running server, and what tests need on it under names that nothing else has."""

    address: str
    root_token: str

    def ask(
        self, method: str, path: str, body: object = None, *, token: str | None = None, wrap_ttl: str | None = None
    ) -> tuple[int, Any]:
        """Return status and body; without a token the root's is sent, with an empty one none."""
        headers = {"X-Vault-Token": self.root_token if token is None else token, "X-Vault-Wrap-TTL": wrap_ttl}
        present = {name: value for name, value in headers.items() if value}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}/v1/{path}", data, present, method=method)
        # A proxy of the environment is not between us and loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                status, text = response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read()
        return status, json.loads(text) if text else None

    def must(self, method: str, path: str, body: object = None, *, wrap_ttl: str | None = None) -> Any:
        """Return the body of an answer that agrees."""
        status, answer = self.ask(method, path, body, wrap_ttl=wrap_ttl)
        assert 200 <= status < 300, (method, path, status, answer)
        return answer

    def transit_key(self, kind: str = "ecdsa-p256") -> str:
        """Make a mount with one key, called `model`; return the mount."""
        mount = unique("transit")
        self.must("POST", f"sys/mounts/{mount}", {"type": "transit"})
        self.must("POST", f"{mount}/keys/model", {"type": kind})
        return mount

    def signing_policy(self, mount: str) -> str:
        """Make a policy that allows signing with the key of a mount, and looking after the own token."""
        rights = {
            f"{mount}/sign/model": "update",
            f"{mount}/keys/model": "read",
            "auth/token/revoke-self": "update",
            "auth/token/lookup-self": "read",
        }
        return self.policy(unique("sign"), rights)

    def verifying_policy(self, mount: str) -> str:
        """Make a policy that allows reading the key of a mount, and asking about its signatures."""
        rights = {
            f"{mount}/verify/model": "update",
            f"{mount}/keys/model": "read",
            "auth/token/revoke-self": "update",
            "auth/token/lookup-self": "read",
        }
        return self.policy(unique("verify"), rights)

    def policy(self, name: str, rights: dict[str, str]) -> str:
        policy = "\n".join(f'path "{path}" {{ capabilities = ["{right}"] }}' for path, right in rights.items())
        self.must("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        return name

    def token(self, policy: str, **more: object) -> str:
        """Return a new token that lives five minutes."""
        body = {"policies": [policy], "ttl": "5m", "no_default_policy": True, **more}
        return str(self.must("POST", "auth/token/create", body)["auth"]["client_token"])

    def jwt_role(self, issuer: Issuer, policy: str, **more: object) -> str:
        """Make a JWT mount with one role, called `ci`; return the mount."""
        mount = unique("jwt")
        self.must("POST", f"sys/auth/{mount}", {"type": "jwt"})
        self.must("POST", f"auth/{mount}/config", {"jwt_validation_pubkeys": [issuer.public_pem]})
        role = {"role_type": "jwt", "user_claim": "repository_id", "bound_audiences": [AUDIENCE]}
        limits = {"token_policies": [policy], "token_ttl": "5m", "token_max_ttl": "10m"}
        self.must("POST", f"auth/{mount}/role/ci", {**role, **limits, **more})
        return mount

    def approle(self, policy: str) -> AppRole:
        """Make an AppRole mount with one role, called `ci`."""
        mount = unique("approle")
        self.must("POST", f"sys/auth/{mount}", {"type": "approle"})
        self.must("POST", f"auth/{mount}/role/ci", {"token_policies": [policy], "token_ttl": "5m"})
        answer = self.must("GET", f"auth/{mount}/role/ci/role-id")
        return AppRole(mount, answer["data"]["role_id"])

    def secret_id(self, approle: AppRole) -> str:
        """Return a new secret id."""
        return str(self.must("POST", f"auth/{approle.mount}/role/ci/secret-id", {})["data"]["secret_id"])

    def wrapped_secret_id(self, approle: AppRole) -> str:
        """Return the wrapping token of a new secret id."""
        answer = self.must("POST", f"auth/{approle.mount}/role/ci/secret-id", {}, wrap_ttl="2m")
        return str(answer["wrap_info"]["token"])

    def kubernetes_role(self, cluster: str, policy: str) -> str:
        """Make a Kubernetes mount that asks a cluster, with one role, called `ci`; return the mount."""
        mount = unique("kubernetes")
        self.must("POST", f"sys/auth/{mount}", {"type": "kubernetes"})
        config = {
            "kubernetes_host": cluster,
            "kubernetes_ca_cert": (SCRIPTS / "any-ca.pem").read_text(),
            "disable_local_ca_jwt": True,
            "token_reviewer_jwt": "reviewer",
        }
        self.must("POST", f"auth/{mount}/config", config)
        accounts = {"bound_service_account_namespaces": ["mlops"], "bound_service_account_names": ["signer"]}
        limits = {"audience": AUDIENCE, "token_policies": [policy], "token_ttl": "5m"}
        self.must("POST", f"auth/{mount}/role/ci", {**accounts, **limits})
        return mount

    def accessors(self) -> set[str]:
        """Return the accessors of all live tokens."""
        return set(self.must("LIST", "auth/token/accessors")["data"]["keys"])


@pytest.fixture(scope="session")
def openbao() -> Iterator[Server]:
    """A server that all tests share; it ends with this process, however that ends."""
    command = [sys.executable, str(SCRIPTS / "serve.py"), "openbao"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line, "tests/vault/serve.py failed; standard error says why"
        told = json.loads(line)
        yield Server(told["address"], told["root_token"])


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """An issuer with a key that nothing else has."""
    directory = tmp_path_factory.mktemp("issuer")
    subprocess.run([sys.executable, SCRIPTS / "issuer.py", "new", directory], check=True)
    return Issuer(directory)


def unique(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(6)}"
