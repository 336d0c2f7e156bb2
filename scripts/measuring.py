"""What benchmarks share: commands that are measured in turn, comparisons, and how they are printed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30


class BenchError(Exception):
    """The measurement cannot be made."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """One run of one process, with all processes that it waited for."""

    wall: float
    cpu: float


@dataclasses.dataclass(frozen=True)
class Job:
    """A command line that is measured; short ones are run several times in a row."""

    name: str
    command: Sequence[str | Path]
    repeat: int = 1

    def run(self) -> Sample:
        """Run the command `repeat` times; wall and CPU time are those of one run."""
        cpu = 0.0
        start = time.perf_counter()
        for _ in range(self.repeat):
            _, status, usage = os.wait4(self.start(), 0)
            self.succeeded(status)
            cpu += usage.ru_utime + usage.ru_stime
        wall = time.perf_counter() - start
        return Sample(wall / self.repeat, cpu / self.repeat)

    def peak(self) -> int | None:
        """Run the command once and return its peak memory, if the system says and it lives long enough to be asked.

        What `wait4` reports would not do: it is never less than the memory of the process that started the command.
        """
        child = self.start()
        status_file = Path(f"/proc/{child}/status")
        peak = None
        looks = 0
        while True:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid == child:
                self.succeeded(status)
                return peak if looks >= 5 and self.command[0] != "sh" else None
            looks += 1
            with contextlib.suppress(OSError):
                fields = status_file.read_text().splitlines()
                peak = next((int(line.split()[1]) * 1024 for line in fields if line.startswith("VmHWM:")), peak)
            time.sleep(0.002)

    def start(self) -> int:
        """Start the command without input and output."""
        argv = [os.fspath(part) for part in self.command]
        quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1)]
        return os.posix_spawnp(argv[0], argv, os.environ, file_actions=quiet)

    def succeeded(self, status: int) -> None:
        """Refuse a run that failed: its time would mean nothing."""
        if status != 0:
            line = " ".join(map(str, self.command))
            raise BenchError(f"{self.name} failed with status {os.waitstatus_to_exitcode(status)}: {line}")


@dataclasses.dataclass(frozen=True)
class Result:
    """The medians of one job."""

    name: str
    wall: float
    cpu: float
    peak: int | None
    low: float
    high: float


def measure(jobs: Sequence[Job], rounds: int) -> list[Result]:
    """Run all jobs in interleaved rounds, after one warm-up of each."""
    peaks = {job.name: job.peak() for job in jobs}
    samples: dict[str, list[Sample]] = {job.name: [] for job in jobs}
    for number in range(rounds):
        for job in jobs:
            samples[job.name].append(job.run())
        progress(f"  round {number + 1} of {rounds}")
    return [
        Result(
            name,
            statistics.median(sample.wall for sample in runs),
            statistics.median(sample.cpu for sample in runs),
            peaks[name],
            min(sample.wall for sample in runs),
            max(sample.wall for sample in runs),
        )
        for name, runs in samples.items()
    ]


@dataclasses.dataclass(frozen=True)
class Requirement:
    """What is asked of a measurement."""

    text: str
    value: float
    bound: float
    at_least: bool = False
    unit: str = "x"

    @property
    def met(self) -> bool:
        """Say whether the measurement is good enough."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def row(self) -> str:
        """Return one line of a Markdown table."""
        sign = "≥" if self.at_least else "≤"
        number = f"{self.value:.1f}" if self.value >= 10 else f"{self.value:.3f}"
        verdict = "met" if self.met else "**missed**"
        return f"| {self.text} | {number} {self.unit} | {sign} {self.bound:g} {self.unit} | {verdict} |"


@dataclasses.dataclass(frozen=True)
class Section:
    """One comparison, as it is printed."""

    title: str
    results: list[Result]
    requirements: list[Requirement]
    table: Sequence[str] = ()

    def lines(self) -> Iterator[str]:
        """Yield the Markdown of the comparison."""
        yield f"### {self.title}"
        yield ""
        yield from self.table
        if self.results:
            yield "| command | wall, median | fastest to slowest | user + system | peak memory |"
            yield "|---|--:|--:|--:|--:|"
        for result in self.results:
            spread = f"{seconds(result.low)} to {seconds(result.high)}"
            peak = "" if result.peak is None else f"{result.peak / MIB:.1f} MiB"
            yield f"| {result.name} | {seconds(result.wall)} | {spread} | {seconds(result.cpu)} | {peak} |"
        if self.requirements:
            yield ""
            yield "| requirement | measured | wanted | |"
            yield "|---|--:|--:|---|"
            yield from (requirement.row() for requirement in self.requirements)
        yield ""


def ratio(text: str, ours: Result, other: Result, bound: float) -> Requirement:
    """Compare two times: ours divided by the other."""
    return Requirement(text, ours.wall / other.wall, bound)


def faster(text: str, ours: Result, other: Result, bound: float) -> Requirement:
    """Compare two times: how many times ours fits into the other."""
    return Requirement(f"{text}: times faster", other.wall / ours.wall, bound, at_least=True)


def memory(verb: str, result: Result, files: int) -> Requirement:
    """Compare the peak memory with 32 MiB and 1 KiB for each file."""
    peak = float("nan") if result.peak is None else result.peak / MIB
    return Requirement(f"{verb}, peak memory", peak, round(32 + files / 1024, 1), unit="MiB")


def seconds(value: float) -> str:
    """Format a time with a sensible unit."""
    return f"{value * 1000:.2f} ms" if value < 0.1 else f"{value:.3f} s"


def amount(value: int) -> str:
    """Format a number of bytes."""
    return f"{value / GIB:.3g} GiB" if value >= GIB else f"{value / MIB:.3g} MiB"


def count(value: int) -> str:
    """Format a number with spaces between the thousands."""
    return f"{value:,}".replace(",", " ")


def progress(text: str) -> None:
    """Say what is going on."""
    sys.stderr.write(text + "\n")
