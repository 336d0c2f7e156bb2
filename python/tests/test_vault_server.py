"""That the server of the tests is what they take it for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vault_server import Issuer, Server

pytest_plugins = ["vault_server"]


def test_a_job_logs_in_and_signs(openbao: Server, issuer: Issuer) -> None:
    mount = openbao.transit_key()
    auth = openbao.jwt_role(issuer, openbao.signing_policy(mount), bound_claims={"ref": "refs/heads/main"})

    def login(jwt: str) -> tuple[int, str]:
        status, answer = openbao.ask("POST", f"auth/{auth}/login", {"role": "ci", "jwt": jwt}, token="")
        return status, answer["auth"]["client_token"] if status == 200 else ""

    status, token = login(issuer.token())
    assert status == 200
    status, answer = openbao.ask("POST", f"{mount}/sign/model", {"input": "bW9kZWw="}, token=token)
    assert status == 200
    assert answer["data"]["signature"].startswith("vault:v1:")

    assert login(issuer.token(ref="refs/heads/other"))[0] == 400
    assert login(issuer.token(audience="https://elsewhere.example"))[0] == 400
    assert login(issuer.token(expires_in=-3600))[0] == 400


def test_a_token_can_be_used_up(openbao: Server) -> None:
    mount = openbao.transit_key()
    token = openbao.token(openbao.signing_policy(mount), num_uses=1)
    statuses = [openbao.ask("GET", f"{mount}/keys/model", token=token)[0] for _ in range(2)]
    assert statuses == [200, 403]
