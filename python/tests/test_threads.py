"""The interpreter is released: other threads go on, and calls run side by side."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import modelseal
import pytest
from support import sign, verify

PATIENCE = 60.0


def test_other_threads_go_on(huge: Path) -> None:
    halfway, counted = threading.Event(), threading.Event()

    def progress(progress: modelseal.Progress) -> None:
        if progress.bytes_done:
            halfway.set()
        if counted.is_set():
            raise modelseal.Cancelled

    def count() -> int:
        # Starts when hashing has begun, and ends long before it would: with the interpreter held this would never end.
        assert halfway.wait(PATIENCE)
        total = sum(range(1_000_000))
        counted.set()
        return total

    with ThreadPoolExecutor(1) as pool:
        counting = pool.submit(count)
        with pytest.raises(modelseal.Cancelled):
            sign(huge, progress=progress)
        assert counting.result() == 499_999_500_000


def test_calls_run_side_by_side(signed: Path) -> None:
    # Each waits inside its own call for the other: one after the other, neither would get here.
    both = threading.Barrier(2, timeout=PATIENCE)

    def call(_: int) -> int:
        met: list[int] = []

        def progress(progress: modelseal.Progress) -> None:
            if not met:
                met.append(both.wait())

        return verify(signed, progress=progress).files

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(call, range(2))) == [3, 3]


def test_errors_of_other_threads(signed: Path) -> None:
    (signed / "config.json").write_text("changed")

    def call(_: int) -> str:
        with pytest.raises(modelseal.MismatchError) as refused:
            verify(signed)
        return refused.value.code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(call, range(20))) == {"artifact/modified"}


def test_one_result_in_many_threads(signed: Path) -> None:
    artifact = verify(signed)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: artifact.resources, range(50)))
    assert all(resources is made[0] for resources in made)
