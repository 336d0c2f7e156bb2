"""Progress: what the callable is told, and that it can stop the work."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import modelseal
import pytest
from modelseal._progress import Line, describe, size
from support import sign, verify


class Stop(Exception):  # noqa: N818
    """What a caller might raise."""


def test_the_callable_is_told(signed: Path) -> None:
    seen: list[modelseal.Progress] = []
    verify(signed, progress=seen.append)
    assert seen
    last = seen[-1]
    assert (last.bytes_done, last.bytes_total, last.files_done, last.files_total) == (3563, 3563, 3, 3)
    assert last.walked
    assert repr(last) == "Progress(bytes_done=3563, bytes_total=3563, files_done=3, files_total=3, walked=True)"
    with pytest.raises(AttributeError):
        last.walked = False  # type: ignore[misc]


def test_signing_tells_too(model: Path) -> None:
    seen: list[modelseal.Progress] = []
    sign(model, progress=seen.append)
    assert seen[-1].files_done == 3


def test_progress_only_grows(huge: Path) -> None:
    seen: list[modelseal.Progress] = []

    def stop_after_some(progress: modelseal.Progress) -> None:
        seen.append(progress)
        if len(seen) == 5:
            raise Stop

    with pytest.raises(Stop):
        sign(huge, progress=stop_after_some)
    done = [progress.bytes_done for progress in seen]
    assert done == sorted(done)
    assert len(seen) == 5
    assert not [path for path in huge.iterdir() if path.name != "hole.bin"]


def test_what_it_raises_comes_out(model: Path) -> None:
    raised = Stop("enough")

    def stop(progress: modelseal.Progress) -> None:
        raise raised

    with pytest.raises(Stop) as caught:
        sign(model, progress=stop)
    assert caught.value is raised
    assert sorted(path.name for path in model.iterdir()) == ["config.json", "w"]
    for wish in [modelseal.Cancelled(), KeyboardInterrupt(), SystemExit(3)]:
        raised = wish  # type: ignore[assignment]
        with pytest.raises(type(wish)) as caught_wish:
            sign(model, progress=stop)
        assert caught_wish.value is wish
    assert not (model / "model.sig").exists()


def test_a_line_on_a_terminal(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("modelseal._progress._PATIENCE", 0.0)
    verify(signed, progress=True)
    shown = terminal.getvalue()
    assert "hashed 3.5 KiB of 3.5 KiB, 3 of 3 files" in shown
    assert shown.endswith("\r")
    assert shown.rsplit("\r", 2)[1].strip() == ""


def test_no_line_elsewhere(signed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelseal._progress._PATIENCE", 0.0)
    verify(signed, progress=True)
    verify(signed, progress=False)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys, "stderr", None)
    verify(signed, progress=True)


def test_short_work_shows_nothing(signed: Path) -> None:
    stream = io.StringIO()
    line = Line(stream)
    verify(signed, progress=line)
    line.clear()
    assert stream.getvalue() == ""


def test_numbers_for_people(signed: Path) -> None:
    assert [size(count) for count in [0, 1023, 1024, 1536, 5 << 40, 3 << 60]] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "1.5 KiB",
        "5.0 TiB",
        "3072.0 PiB",
    ]
    seen: list[modelseal.Progress] = []
    verify(signed, progress=seen.append)
    assert describe(seen[-1]) == "hashed 3.5 KiB of 3.5 KiB, 3 of 3 files"
