"""A key on a real server, and a proxy before it, as fixtures.

A test module has them with `pytest_plugins = ["vault_server", "vault_shop"]`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import modelseal
import pytest
from modelseal import JwtAuth, VaultServer
from vault_proxy import Proxy
from vault_server import Issuer, Server


@dataclass(frozen=True)
class Shop:
    """A key on the server, a policy to sign with it, and a login."""

    openbao: Server
    issuer: Issuer
    mount: str
    policy: str
    jwt: str

    @classmethod
    def open(cls, openbao: Server, issuer: Issuer) -> Shop:
        """Make one with a key of its own."""
        mount = openbao.transit_key()
        policy = openbao.signing_policy(mount)
        return cls(openbao, issuer, mount, policy, openbao.jwt_role(issuer, policy))

    @property
    def key(self) -> str:
        return f"hashivault://{self.mount}/model"

    def auth(self, **more: Any) -> JwtAuth:
        return JwtAuth(role="ci", token=self.issuer.token(), path=self.jwt, **more)

    def at(self, address: str = "", **more: Any) -> VaultServer:
        return VaultServer(address=address or self.openbao.address, **more)

    def sign(self, model: Path, **more: Any) -> modelseal.SignedArtifact:
        """Sign, without provenance unless the test says so: nobody has the keys of the issuer but who is given them."""
        given: dict[str, Any] = {"key": self.key, "server": self.at(), "provenance": "off", **more}
        if "auth" not in given:
            given["auth"] = self.auth()
        return modelseal.sign_model_artifact(model, **given)

    def verify(self, model: Path, key: Any = None, **more: Any) -> modelseal.VerifiedArtifact:
        return modelseal.verify_model_artifact(model, key=self.key if key is None else key, name="model", **more)


@pytest.fixture(scope="module")
def open_shop(openbao: Server, issuer: Issuer) -> Shop:
    return Shop.open(openbao, issuer)


@pytest.fixture
def shop(open_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A key that a test may sign with, and an environment that says nothing about it."""
    prefixes = ("VAULT_", "BAO_", "MODELSEAL_", "GITHUB_", "CI_", "TRANSIT_")
    for name in [name for name in os.environ if name.startswith(prefixes)]:
        monkeypatch.delenv(name)
    return open_shop


@pytest.fixture
def proxy(openbao: Server) -> Iterator[Proxy]:
    with Proxy(openbao.address) as proxy:
        yield proxy
