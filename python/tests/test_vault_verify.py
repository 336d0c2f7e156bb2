"""Verifying with keys of a real server: by reference, asking it, and with what was exported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import modelseal
import pytest
from modelseal import TokenAuth
from support import KEYS
from vault_proxy import Proxy

if TYPE_CHECKING:
    from vault_shop import Shop

pytest_plugins = ["vault_server", "vault_shop"]


def test_verifying_by_reference(shop: Shop, model: Path) -> None:
    shop.sign(model)
    before = shop.openbao.accessors()
    artifact = shop.verify(model, auth=shop.auth(), server=shop.at())
    assert (artifact.key_name, artifact.key_version, artifact.warnings) == ("model", 1, ())
    assert shop.openbao.accessors() == before
    (model / "config.json").write_text("changed")
    with pytest.raises(modelseal.MismatchError):
        shop.verify(model, [shop.key], auth=shop.auth(), server=shop.at())
    assert shop.openbao.accessors() == before


def test_asking_the_server_as_well(shop: Shop, model: Path, proxy: Proxy) -> None:
    shop.sign(model)
    auth = TokenAuth(token=shop.openbao.token(shop.openbao.verifying_policy(shop.mount)))
    artifact = shop.verify(model, auth=auth, server=shop.at(proxy.address), online=True)
    assert artifact.key_version == 1
    assert proxy.asked[-1] == f"POST /v1/{shop.mount}/verify/model"
    # The token of a job that signs may not ask.
    before = shop.openbao.accessors()
    with pytest.raises(modelseal.BackendError) as refused:
        shop.verify(model, auth=shop.auth(), server=shop.at(), online=True)
    assert refused.value.code == "vault/permission"
    assert shop.openbao.accessors() == before
    # The server alone says no.
    proxy.answers["verify"] = 200, {"data": {"batch_results": [{"valid": False}], "valid": False}}
    with pytest.raises(modelseal.SignatureError) as disagreed:
        shop.verify(model, auth=auth, server=shop.at(proxy.address), online=True)
    assert disagreed.value.code == "signature/online-refused"
    with pytest.raises(modelseal.UsageError):
        modelseal.verify_model_artifact(
            model,
            key=KEYS / "p384.pub.pem",
            name="model",
            online=True,
            auth=auth,
        )


def test_tables_and_versions(shop: Shop, model: Path, tmp_path: Path) -> None:
    # Others count on having one version.
    shop = shop.open(shop.openbao, shop.issuer)
    shop.sign(model)
    shop.openbao.must("POST", f"{shop.mount}/keys/model/rotate", {})
    *pems, table = modelseal.export_public_keys(shop.key, tmp_path / "keys", auth=shop.auth(), server=shop.at())
    assert [path.name for path in [*pems, table]] == ["model-v1.pem", "model-v2.pem", "model.toml"]
    artifact = shop.verify(model, table)
    assert (artifact.key_name, artifact.key_version) == ("model", 1)
    old: list[tuple[Any, dict[str, Any]]] = [
        (table, {}),
        (shop.key, {"auth": shop.auth(), "server": shop.at()}),
    ]
    for key, more in old:
        with pytest.raises(modelseal.PolicyError) as refused:
            shop.verify(model, key, min_key_version=2, **more)
        assert refused.value.code == "policy/key-version"
    signed = shop.sign(model, key=f"{shop.key}?version=1")
    assert signed.key_version == 1
    signed = shop.sign(model)
    assert signed.key_version == 2
    for key, more in old:
        assert shop.verify(model, key, min_key_version=2, **more).key_version == 2
    for number in [0, -1, 1 << 32, 1 << 70]:
        with pytest.raises(modelseal.UsageError):
            shop.verify(model, table, min_key_version=number)
    with pytest.raises(modelseal.BackendError) as unexpected:
        shop.sign(model, expect_key_id="0" * 64)
    assert unexpected.value.code == "vault/unexpected-key"


def test_exporting(shop: Shop, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = shop.openbao.accessors()
    given: dict[str, Any] = {"auth": shop.auth(), "server": shop.at(max_token_ttl=60)}
    files = modelseal.export_public_keys(shop.key, tmp_path / "a" / "keys", **given)
    assert files == (tmp_path / "a/keys/model-v1.pem", tmp_path / "a/keys/model.toml")
    assert shop.openbao.accessors() == before
    assert ["longer than" in record.getMessage() for record in caplog.records] == [True]
    shop.sign(model)
    assert shop.verify(model, files[1]).key_version == 1
    # The same again changes nothing; what is different is only replaced on request.
    assert modelseal.export_public_keys(shop.key, tmp_path / "a" / "keys", **given) == files
    files[0].write_text("mine")
    with pytest.raises(modelseal.UsageError) as exists:
        modelseal.export_public_keys(shop.key, str(files[0].parent), **given)
    assert exists.value.code == "output/exists"
    assert files[0].read_text() == "mine"
    modelseal.export_public_keys(shop.key, str(files[0].parent), replace=True, **given)
    assert files[0].read_text() != "mine"
    with pytest.raises(modelseal.UsageError) as local:
        modelseal.export_public_keys("key.pem", tmp_path / "b", **given)
    assert local.value.code == "usage/arguments"
    with pytest.raises(modelseal.BackendError) as absent:
        modelseal.export_public_keys(f"{shop.key}?version=9", tmp_path / "b", **given)
    assert absent.value.code == "vault/key-version"
    assert "longer than" in absent.value.hint
    assert not (tmp_path / "b").exists()
    assert shop.openbao.accessors() == before
