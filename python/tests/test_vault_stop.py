"""Stopping while a server is asked, and other threads, loops and processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import modelseal
import pytest
from modelseal import JwtAuth
from support import sign_in_child
from vault_proxy import Proxy

if TYPE_CHECKING:
    from vault_server import Issuer, Server
    from vault_shop import Shop

pytest_plugins = ["vault_server", "vault_shop"]

#: Far above what is measured, and far below what the proxy would hold a request.
BOUND = 10.0
PATIENCE = 60.0


@pytest.fixture
def call(shop: Shop, proxy: Proxy, model: Path) -> dict[str, Any]:
    """What signs the model through the proxy."""
    auth, server = shop.auth(), shop.at(proxy.address)
    return {"path": model, "key": shop.key, "auth": auth, "server": server, "provenance": "off"}


def interrupt_when(event: threading.Event) -> threading.Thread:
    def interrupt() -> None:
        if event.wait(PATIENCE):
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


def assert_nothing_left(openbao: Server, proxy: Proxy, model: Path) -> None:
    assert proxy.asked[-1] == "POST /v1/auth/token/revoke-self"
    assert proxy.granted[0]["accessor"] not in openbao.accessors()
    assert not (model / "model.sig").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX sends them")
@pytest.mark.parametrize("held", ["sign", "keys"])
def test_ctrl_c(openbao: Server, proxy: Proxy, call: dict[str, Any], held: str) -> None:
    proxy.hold = held
    thread = interrupt_when(proxy.held)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as interrupted:
        modelseal.sign_model_artifact(**call)
    assert time.monotonic() - started < BOUND
    thread.join(PATIENCE)
    assert type(interrupted.value) is KeyboardInterrupt
    assert isinstance(interrupted.value.__cause__, modelseal.Cancelled)
    assert_nothing_left(openbao, proxy, call["path"])


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX sends them")
def test_ctrl_c_during_the_login_leaves_no_token(openbao: Server, proxy: Proxy, call: dict[str, Any]) -> None:
    # The login is answered after the signal: its token is known, and given back.
    proxy.hold = "login"

    def interrupt() -> None:
        assert proxy.held.wait(PATIENCE)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        proxy.released.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        modelseal.sign_model_artifact(**call)
    thread.join(PATIENCE)
    assert [line.rsplit("/", 1)[1] for line in proxy.asked] == ["login", "revoke-self"]
    assert_nothing_left(openbao, proxy, call["path"])


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX sends them")
def test_ctrl_c_during_the_revocation_writes_nothing(openbao: Server, proxy: Proxy, call: dict[str, Any]) -> None:
    proxy.hold = "revoke-self"

    def interrupt() -> None:
        assert proxy.held.wait(PATIENCE)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        proxy.released.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        modelseal.sign_model_artifact(**call)
    thread.join(PATIENCE)
    assert_nothing_left(openbao, proxy, call["path"])


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX sends them")
def test_the_cause_says_that_a_token_is_left(openbao: Server, proxy: Proxy, call: dict[str, Any]) -> None:
    proxy.hold = "sign"
    proxy.answers["revoke-self"] = 500, {"errors": ["no"]}
    thread = interrupt_when(proxy.held)
    with pytest.raises(KeyboardInterrupt) as interrupted:
        modelseal.sign_model_artifact(**call)
    thread.join(PATIENCE)
    cause = interrupted.value.__cause__
    assert isinstance(cause, modelseal.Cancelled)
    assert "could not be revoked" in cause.hint
    openbao.must("POST", "auth/token/revoke-accessor", {"accessor": proxy.granted[0]["accessor"]})


class Stop(Exception):  # noqa: N818
    """What a caller might raise."""


def stop_when(event: threading.Event) -> Callable[[modelseal.Progress], None]:
    def stop(progress: modelseal.Progress) -> None:
        if event.is_set():
            raise Stop

    return stop


def test_what_progress_raises_stops_requests(openbao: Server, proxy: Proxy, call: dict[str, Any]) -> None:
    proxy.hold = "sign"
    with pytest.raises(Stop) as stopped:
        modelseal.sign_model_artifact(**call, progress=stop_when(proxy.held))
    assert isinstance(stopped.value.__cause__, modelseal.Cancelled)
    assert_nothing_left(openbao, proxy, call["path"])


def test_and_those_of_a_verification(openbao: Server, proxy: Proxy, call: dict[str, Any]) -> None:
    modelseal.sign_model_artifact(**call)
    del call["provenance"]
    proxy.granted.clear()
    proxy.hold = "keys"
    seen: list[modelseal.Progress] = []

    def stop(progress: modelseal.Progress) -> None:
        seen.append(progress)
        if proxy.held.is_set():
            raise Stop

    with pytest.raises(Stop):
        modelseal.verify_model_artifact(**call, name="model", progress=stop)
    assert proxy.granted[0]["accessor"] not in openbao.accessors()
    # Nothing was hashed yet.
    assert {(progress.files_done, progress.walked) for progress in seen} == {(0, False)}


def test_other_threads_go_on(proxy: Proxy, call: dict[str, Any]) -> None:
    proxy.hold = "sign"
    with ThreadPoolExecutor(1) as pool:
        signing = pool.submit(lambda: modelseal.sign_model_artifact(**call))
        # The proxy itself is Python: with the interpreter held this would never come.
        assert proxy.held.wait(PATIENCE)
        assert sum(range(100_000)) == 4_999_950_000
        proxy.released.set()
        assert signing.result(PATIENCE).key_version == 1


def test_calls_run_side_by_side(openbao: Server, proxy: Proxy, call: dict[str, Any], tmp_path: Path) -> None:
    def sign(number: int) -> int | None:
        bundle = tmp_path / f"{number}.sig"
        return modelseal.sign_model_artifact(**call, bundle=bundle).key_version

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(sign, range(8))) == [1] * 8
    assert not {granted["accessor"] for granted in proxy.granted} & openbao.accessors()
    assert len(proxy.granted) == 8


def test_inside_a_running_loop(call: dict[str, Any]) -> None:
    async def sign() -> list[int | None]:
        here = modelseal.sign_model_artifact(**call)
        there = await asyncio.to_thread(modelseal.sign_model_artifact, **call)
        return [here.key_version, there.key_version]

    assert asyncio.run(sign()) == [1, 1]


def test_in_a_spawned_process(call: dict[str, Any], issuer: Issuer, tmp_path: Path) -> None:
    # A secret is not pickled; its place is.
    context = multiprocessing.get_context("spawn")
    file = tmp_path / "token"
    file.write_text(issuer.token())
    auth = JwtAuth(role="ci", token_file=file, path=call["auth"].path)
    with context.Pool(1) as pool:
        assert pool.apply(sign_in_child, ({**call, "auth": auth},)) == ("model", 1)
    with pytest.raises(TypeError, match="secret"):
        context.Process(target=sign_in_child, args=(call,)).start()
