"""Runs commands of the reference tool `model_signing` 1.1.1 in one process.

Starting the tool takes longer than anything that it is asked to do here. So this program imports
it once, reads one JSON object a line, `{"args": [...], "cwd": "..."}`, and answers each with
`{"status": N, "stdout": "...", "stderr": "..."}`. It ends when its standard input does. Run it with
the Python that has `model-signing` installed.
"""

import contextlib
import io
import json
import os
import sys
import traceback

from model_signing import _cli


def run(args: list) -> int:
    """Calls the command as the console script would and returns its exit status."""
    try:
        _cli.main(args=args, prog_name="model_signing")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:  # noqa: BLE001 - a crash of the tool is an answer too
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    """Answers requests until standard input ends."""
    answers = sys.stdout
    for line in sys.stdin:
        request = json.loads(line)
        os.chdir(request["cwd"])
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(request["args"])
        answer = {"status": status, "stdout": out.getvalue(), "stderr": err.getvalue()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
