"""Measure modelseal side by side with openssl and the reference tool, as whole processes.

Everything is measured in interleaved rounds (A B C A B C …) after one warm-up of each, with the data in the page
cache, on two CPUs. Medians are compared as ratios: absolute times on a shared machine say little.

Usage: python3 scripts/bench.py [--quick] [--rounds N] [--only NAMES] [--write FILE] [--check]
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench_vault import VaultBench
from make_venv import ensure
from measuring import (
    GIB,
    MIB,
    BenchError,
    Job,
    Requirement,
    Result,
    Section,
    amount,
    count,
    faster,
    measure,
    memory,
    progress,
    ratio,
)

ROOT = Path(__file__).resolve().parent.parent
PEER = "model-signing 1.1.1"
# What a document has between `<!-- NAME:begin -->` and `<!-- NAME:end -->`, and the comparisons that it is made of.
GROUPS = {"bench": "abcdef", "bench-server": "ghi"}
ALL = "".join(GROUPS.values())

API_LOOP = """
import pathlib, sys
import model_signing.hashing, model_signing.verifying
root, key = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
for signature in sorted(root.glob("*/model.sig")):
    hashing = model_signing.hashing.Config().set_ignored_paths(paths=[signature], ignore_git_paths=True)
    config = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=key)
    config.set_hashing_config(hashing).verify(signature.parent, signature)
"""


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How large the data sets are."""

    large: int = GIB
    huge: int = 4 * GIB
    small_files: int = 20_000
    many_files: int = 200_000
    directories: int = 344
    jobs: int = 400
    signatures: int = 12_000

    @classmethod
    def quick(cls) -> Sizes:
        """Return sizes that show that the measurement works, and little else."""
        return cls(
            large=64 * MIB,
            huge=256 * MIB,
            small_files=2_000,
            many_files=5_000,
            directories=20,
            jobs=40,
            signatures=2_000,
        )


def sha256_in_memory() -> float:
    """Bytes a second that one core hashes with SHA-256, data in its cache: no file can be hashed faster."""
    command = ["openssl", "speed", "-mr", "-bytes", "65536", "-seconds", "3", "sha256"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (line,) = (line for line in output.splitlines() if line.startswith("+F:"))
    return float(line.split(":")[-1])


class Bench:
    """The data sets, the programs and the comparisons over them."""

    def __init__(self, work: Path, modelseal: Path, peer: Path, sizes: Sizes, rounds: int) -> None:
        self.work = work
        self.modelseal = modelseal
        self.peer = peer / "model_signing"
        self.peer_python = peer / "python"
        self.sizes = sizes
        self.rounds = rounds
        self.key = work / "bench.pem"
        self.public = work / "bench.pub.pem"
        self.empty = Path(tempfile.mkdtemp(dir=work))
        subprocess.run([modelseal, "keys", "generate", self.key], check=True, stdout=subprocess.DEVNULL)

    def ours(self, verb: str, model: Path, repeat: int = 1) -> Job:
        """Return a job of modelseal, with the bundle outside the model."""
        key = self.key if verb == "sign" else self.public
        command: list[str | Path] = [self.modelseal, verb, model, "--key", key, "--bundle", f"{model}.ours.sig"]
        return Job(f"modelseal {verb}", command, repeat)

    def theirs(self, verb: str, model: Path) -> Job:
        """Return the same job of the reference tool."""
        key = ("--private_key", self.key) if verb == "sign" else ("--public_key", self.public)
        command: list[str | Path] = [self.peer, verb, "key", model, *key, "--signature", f"{model}.theirs.sig"]
        return Job(f"model_signing {verb}", command)

    def signed(self, model: Path) -> list[Result]:
        """Sign with both tools, and measure that."""
        return measure([self.ours("sign", model), self.theirs("sign", model)], self.rounds)

    def one_large_file(self) -> Section:
        """Verify one file of 4 GiB: bound by one core, whatever the tool."""
        model = self.work / "huge.bin"
        self.need(self.sizes.huge, cached=True)
        write_random(model, self.sizes.huge)
        signing = self.signed(model)
        openssl = Job("openssl dgst -sha256", ["openssl", "dgst", "-sha256", model])
        before = sha256_in_memory()
        ours, floor, peer = measure([self.ours("verify", model), openssl, self.theirs("verify", model)], self.rounds)
        in_memory = max(before, sha256_in_memory())
        share = self.sizes.huge / ours.wall / in_memory
        return Section(
            f"One file of {amount(self.sizes.huge)}",
            [ours, floor, peer, *signing],
            [
                ratio("verify, to openssl", ours, floor, 1.03),
                Requirement(f"verify, of one core's {in_memory / 1e9:.2f} GB/s in memory", share, 0.97, at_least=True),
                memory("verify", ours, 1),
                memory("sign", signing[0], 1),
            ],
        )

    def four_large_files(self) -> Section:
        """Verify four files of 1 GiB on two cores."""
        model = self.work / "four"
        self.need(4 * self.sizes.large, cached=True)
        for number in range(4):
            write_random(model / f"model-{number}.bin", self.sizes.large)
        signing = self.signed(model)
        hash_two = "openssl dgst -sha256 model-{}.bin model-{}.bin"
        script = f'cd "$1"; {hash_two.format(0, 1)} & {hash_two.format(2, 3)}; wait $!'
        pair = Job("two openssl dgst, two files each", ["sh", "-c", script, "sh", model])
        ours, floor, peer = measure([self.ours("verify", model), pair, self.theirs("verify", model)], self.rounds)
        return Section(
            f"Four files of {amount(self.sizes.large)}",
            [ours, floor, peer, *signing],
            [ratio("verify, to two openssl", ours, floor, 1.03), ratio("verify, to model_signing", ours, peer, 0.85)],
        )

    def many_small_files(self) -> Section:
        """Verify 20 000 files of 2 KiB in 20 directories."""
        model = self.work / "small"
        self.need(self.sizes.small_files * 4096)
        write_small(model, self.sizes.small_files, 20, 2048)
        signing = self.signed(model)
        script = 'find "$1" -type f -print0 | xargs -0 -P2 -n 1000 openssl dgst -sha256'
        floor_job = Job("find, xargs -P2 openssl dgst", ["sh", "-c", script, "sh", model])
        ours, floor, peer = measure([self.ours("verify", model), floor_job, self.theirs("verify", model)], self.rounds)
        return Section(
            f"{count(self.sizes.small_files)} files of 2 KiB",
            [ours, floor, peer, *signing],
            [
                ratio("verify, to find and xargs", ours, floor, 1.0),
                faster("verify, than model_signing", ours, peer, 15),
            ],
        )

    def tiny(self) -> Section:
        """Verify a model of three small files: what remains is starting."""
        model = self.work / "tiny"
        write_tiny(model)
        self.ours("sign", model).run()
        self.theirs("sign", model).run()
        nothing = Job("/bin/true, as the floor", ["true"], repeat=20)
        ours, floor, peer = measure(
            [self.ours("verify", model, repeat=20), nothing, self.theirs("verify", model)], self.rounds
        )
        return Section(
            "A tiny model",
            [ours, floor, peer],
            [
                Requirement("verify, one process", ours.wall * 1000, 3.0, unit="ms"),
                faster("verify, than model_signing", ours, peer, 100),
            ],
        )

    def many_models(self) -> Section:
        """Verify 344 signed directories in one process."""
        root = self.work / "models"
        first = root / "model-000"
        write_tiny(first)
        Job("modelseal sign", [self.modelseal, "sign", first, "--key", self.key]).run()
        for number in range(1, self.sizes.directories):
            shutil.copytree(first, root / f"model-{number:03}")
        ours_job = Job(
            "modelseal verify --recursive", [self.modelseal, "verify", "--recursive", root, "--key", self.public]
        )
        loop = Job("a loop over model_signing's API", [self.peer_python, "-c", API_LOOP, root, self.public])
        ours, peer = measure([ours_job, loop], self.rounds)
        return Section(
            f"{self.sizes.directories} signed directories, one process",
            [ours, peer],
            [faster("verify, than model_signing's API", ours, peer, 10)],
        )

    def very_many_files(self) -> Section:
        """Sign and verify 200 000 files: what does a manifest cost in memory."""
        model = self.work / "many"
        self.need(self.sizes.many_files * 4096)
        write_small(model, self.sizes.many_files, 200, 64)
        sign = measure([self.ours("sign", model)], min(self.rounds, 3))[0]
        verify = measure([self.ours("verify", model)], min(self.rounds, 3))[0]
        return Section(
            f"{count(self.sizes.many_files)} files: memory",
            [verify, sign],
            [memory("verify", verify, self.sizes.many_files), memory("sign", sign, self.sizes.many_files)],
        )

    def need(self, size: int, *, cached: bool = False) -> None:
        """Refuse to start what does not fit, and warn if the page cache cannot hold it."""
        free = shutil.disk_usage(self.work).free
        if free < size * 1.1 + GIB:
            raise BenchError(f"{amount(int(size * 1.1 + GIB))} of free disk space are needed, {amount(free)} are there")
        if cached and (available := memory_available()) is not None and available < size * 1.2:
            progress(f"  warning: only {amount(available)} of memory are available: the disk will be measured as well")

    def clear(self) -> None:
        """Remove the data of a comparison, but not the keys."""
        for entry in self.work.iterdir():
            if entry not in (self.key, self.public, self.empty):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def write_random(path: Path, size: int) -> None:
    """Write a file of random blocks; hashing takes the same time whatever the bytes are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    block = bytearray(os.urandom(MIB))
    with path.open("wb") as file:
        for number in range(size // MIB):
            block[:8] = number.to_bytes(8, "little")
            file.write(block)


def write_small(root: Path, count: int, directories: int, size: int) -> None:
    """Write many small files, all different, evenly over directories."""
    noise = os.urandom(size)
    for number in range(count):
        directory = root / f"part-{number % directories:03}"
        if number < directories:
            directory.mkdir(parents=True)
        (directory / f"{number:06}.bin").write_bytes(number.to_bytes(8, "little") + noise[8:])


def write_tiny(root: Path) -> None:
    """Write a model of three small files."""
    root.mkdir(parents=True)
    (root / "config.json").write_text('{"hidden_size": 4}\n')
    (root / "tokenizer.json").write_text('{"version": "1.0"}\n')
    (root / "model.safetensors").write_bytes(os.urandom(4096))


def memory_available() -> int | None:
    """Return the memory that the page cache may use, where the system says so."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def output_of(*command: str) -> str:
    """Return the first line that a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or ["unknown"])[0]


def processor() -> str:
    """Name the processor, and the instructions that decide how fast it hashes."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    lines = [line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line]
    fields = {key.strip(): value.strip() for key, value in lines}
    model = fields.get("model name", platform.machine())
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    known = [name for name in ("sha_ni", "avx2", "avx512f", "sha2") if name in flags]
    return f"{model} ({', '.join(known) or 'no SHA instructions listed'})"


def describe(rounds: int, cpus: int, programs: Sequence[str]) -> list[str]:
    """Describe the machine and the programs."""
    memory_total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    today = datetime.date.today().isoformat()
    return [
        f"Measured on {today} by `make bench`. Medians of {rounds} interleaved rounds after a warm-up;",
        "whole processes; data in the page cache. Peak memory is sampled during the warm-up.",
        "",
        f"- Processor: {processor()}; {os.cpu_count()} CPUs, of which {cpus} were used",
        f"- Memory: {amount(memory_total)}",
        f"- System: {platform.system()} {platform.release()} {platform.machine()}",
        f"- Programs: {', '.join([output_of('rustc', '--version'), *programs])}",
        "",
    ]


def limit_cpus(wanted: int) -> int:
    """Stay on so many CPUs, so that ratios mean the same on every machine; return how many there are."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    usable = sorted(os.sched_getaffinity(0))[:wanted]
    os.sched_setaffinity(0, usable)
    if len(usable) < wanted:
        progress(f"warning: only {len(usable)} CPU: the requirements are meant for {wanted}")
    return len(usable)


def build() -> Path:
    """Build the command as it is released, and return its path."""
    cargo = os.environ.get("CARGO", "cargo")
    release = [cargo, "build", "--release", "--locked"]
    subprocess.run([*release, "--package", "modelseal-cli", "--bin", "modelseal"], cwd=ROOT, check=True)
    subprocess.run([*release, "--package", "modelseal-vault", "--example", "sign_many"], cwd=ROOT, check=True)
    where = subprocess.run([ROOT / "scripts/target-dir.sh"], cwd=ROOT, check=True, capture_output=True, text=True)
    return Path(where.stdout.strip()) / "release" / "modelseal"


def write_report(path: Path, name: str, lines: Sequence[str]) -> None:
    """Put a report between its markers in a document."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found, rest = path.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise BenchError(f"{path} lacks the markers {begin} and {end}")
    path.write_text(f"{before}{begin}\n{chr(10).join(lines)}{end}{after}")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small data, to see that everything works")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each comparison (default: 7)")
    parser.add_argument("--only", default=ALL, help="which comparisons, as letters a to i (default: all)")
    parser.add_argument("--binary", type=Path, help="measure this program instead of building one")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this document")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a requirement is missed")
    return parser.parse_args()


def main() -> int:
    """Run the comparisons that were asked for."""
    options = arguments()
    groups = {name: letters for name, letters in GROUPS.items() if set(letters) & set(options.only)}
    if options.write and (options.quick or any(set(letters) - set(options.only) for letters in groups.values())):
        raise BenchError("a document gets full measurements: --write goes without --quick, and --only abcdef or ghi")
    missing = [tool for tool in ("openssl", "find", "xargs", "curl") if shutil.which(tool) is None]
    if missing:
        raise BenchError(f"these programs are needed: {', '.join(missing)}")
    modelseal = options.binary.resolve() if options.binary else build()
    peer = ROOT / ".cache" / "venv-bench" / "bin"
    if "bench" in groups:
        peer = ensure(peer.parent, ROOT / "python" / "requirements-bench.txt")
    base = Path(os.environ.get("BENCH_DIR", ROOT / ".cache" / "bench"))
    base.mkdir(parents=True, exist_ok=True)
    cpus = limit_cpus(2)
    sections: dict[str, Section] = {}
    sizes = Sizes.quick() if options.quick else Sizes()
    with tempfile.TemporaryDirectory(dir=base) as work:
        bench = Bench(Path(work), modelseal, peer, sizes, options.rounds)
        server = VaultBench(Path(work), modelseal, options.rounds, sizes.jobs, sizes.signatures)
        comparisons = {
            "a": bench.one_large_file,
            "b": bench.four_large_files,
            "c": bench.many_small_files,
            "d": bench.tiny,
            "e": bench.many_models,
            "f": bench.very_many_files,
            "g": server.one_signature,
            "h": server.many_jobs,
            "i": server.many_signatures,
        }
        for letter in options.only:
            progress(f"{letter}: {(comparisons[letter].__doc__ or '').splitlines()[0]}")
            sections[letter] = comparisons[letter]()
            bench.clear()
    openssl, curl = (
        " ".join(output_of(*words).split()[:2]) for words in (("openssl", "version"), ("curl", "--version"))
    )
    programs = {"bench": [openssl, f"Python {platform.python_version()}", PEER], "bench-server": [curl, server.product]}
    for name, letters in groups.items():
        measured = [sections[letter] for letter in letters if letter in sections]
        lines = [
            *describe(options.rounds, cpus, programs[name]),
            *(line for section in measured for line in section.lines()),
        ]
        sys.stdout.write("\n".join(lines) + "\n")
        if options.write:
            write_report(options.write, name, lines)
    missed = sum(not requirement.met for section in sections.values() for requirement in section.requirements)
    if missed:
        progress(f"bench: {missed} requirements missed")
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        progress(f"bench: {error}")
        sys.exit(2)
