#!/usr/bin/env python3
"""Records the sessions again, and puts [..] where two recordings differ.

Usage: python3 tests/cli/record.py [NAME...]

With names, such as `policy verify`, only the sessions whose paths hold one of them.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = sys.argv[1:]
ALL = [*sorted((ROOT / "tests/cli/cases").glob("*.trycmd")), ROOT / "README.md", ROOT / "docs/usage.md"]
SESSIONS = [path for path in ALL if not NAMES or any(name in path.stem for name in NAMES)]
COMMAND = ["cargo", "test", "--quiet", "-p", "modelseal-cli", "--test", "cli", "--", "sessions_are_as_recorded"]
COMMAND += [f"trycmd={name}" for name in NAMES]
TOKEN = re.compile(r"\[\.\.\]|[0-9a-f]{16,}|[0-9T:.-]+Z\b|[A-Za-z0-9+/=]{20,}")


def record() -> dict:
    """Runs the sessions once and returns what they printed."""
    subprocess.run(COMMAND, cwd=ROOT, env={**os.environ, "TRYCMD": "overwrite"}, check=False)
    return {path: path.read_text() for path in SESSIONS}


def merge(one: str, other: str) -> str:
    """One line of both recordings, without what differs."""
    one, other = (re.sub(r"\b(in|expired) [0-9]+ (ms|s)\b", r"\1 [..] \2", line) for line in (one, other))
    tokens = TOKEN.findall(other)
    if one == other or len(TOKEN.findall(one)) != len(tokens):
        return one
    rest = iter(tokens)
    return TOKEN.sub(lambda match: match[0] if match[0] == next(rest) else "[..]", one)


first, second = record(), record()
for path, text in first.items():
    lines, again = text.split("\n"), second[path].split("\n")
    if len(lines) != len(again):
        raise SystemExit(f"{path}: the number of lines differs from run to run")
    path.write_text("\n".join(map(merge, lines, again)))
