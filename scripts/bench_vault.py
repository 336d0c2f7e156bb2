"""Measure signing with a key on a real OpenBao: one signature beside `curl`, many jobs at once, many signatures.

The server runs on loopback, in memory, and ends with the measurement. What is left is the work of the processes; in
production every request also has a way to go.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measuring import BenchError, Job, Requirement, Section, count, measure, ratio, seconds

ROOT = Path(__file__).resolve().parent.parent
SERVERS = ROOT / "tests" / "vault"
AUDIENCE = "https://vault.example"
MOUNT = "model-signing"
DIGEST = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

# A third of what two processors could do: most jobs are told to wait.
RATE = 60
AT_A_TIME = 16

POLICY = f"""
path "{MOUNT}/keys/models" {{ capabilities = ["read"] }}
path "{MOUNT}/sign/models" {{ capabilities = ["update"] }}
path "auth/token/revoke-self" {{ capabilities = ["update"] }}
path "auth/token/lookup-self" {{ capabilities = ["read"] }}
"""

# What a job without modelseal would write: four requests by four processes, and a text editor for the token.
FOUR_PROCESSES = """
set -eu
call() { curl --silent --show-error --fail --noproxy '*' --config - "$@"; }
token=$(call --data @"$1/login.json" "$2/v1/auth/jwt/login" </dev/null |
    sed 's/.*"client_token":"\\([^"]*\\)".*/\\1/')
header="header = \\"X-Vault-Token: $token\\""
printf '%s\\n' "$header" | call "$2/v1/$3/keys/models" >"$1/answer"
printf '%s\\n' "$header" | call --data @"$1/sign.json" "$2/v1/$3/sign/models" >"$1/answer"
printf '%s\\n' "$header" | call --data '{}' "$2/v1/auth/token/revoke-self" >"$1/answer"
"""


class Operator:
    """Requests with the root token."""

    def __init__(self, server: dict[str, Any]) -> None:
        self.host = server["address"].split("//")[1]
        self.token = server["root_token"]

    def __call__(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make one request; refuse every answer but success."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        with contextlib.closing(connection):
            text = None if body is None else json.dumps(body)
            connection.request(method, f"/v1/{path}", body=text, headers={"X-Vault-Token": self.token})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status >= 300:
                raise BenchError(f"{method} {path}: {answer.status} {content[:200]!r}")
            result: dict[str, Any] = json.loads(content) if content else {}
            return result

    def alive(self) -> set[str]:
        """Return the accessors of all tokens that live."""
        return set(self("LIST", "auth/token/accessors")["data"]["keys"])


@dataclasses.dataclass(frozen=True)
class TokenJob(Job):
    """A job that is given another token each time."""

    configs: Iterator[Path] = dataclasses.field(default_factory=lambda: iter(()))

    def start(self) -> int:
        """Start the command with the next token."""
        command = [*self.command, "--config", next(self.configs)]
        return Job(self.name, command).start()


class VaultBench:
    """A server, a tiny model, and the comparisons over them."""

    def __init__(self, work: Path, modelseal: Path, rounds: int, jobs: int, signatures: int) -> None:
        self.work = work
        self.modelseal = modelseal
        self.rounds = rounds
        self.jobs = jobs
        self.signatures = signatures
        self.product = "no server yet"

    def one_signature(self) -> Section:
        """Sign a tiny model with a key on a server: log in, read the key, sign, revoke."""
        repeat = 10
        with self.server() as (operator, server):
            address, model, directory = server["address"], self.model(), self.work / "curl"
            directory.mkdir()
            login = {"role": "models-sign", "jwt": (self.work / "identity").read_text().strip()}
            (directory / "login.json").write_text(json.dumps(login))
            options = {"prehashed": True, "hash_algorithm": "sha2-256", "marshaling_algorithm": "asn1"}
            (directory / "sign.json").write_text(json.dumps({"input": DIGEST, "key_version": 1, **options}))
            # A token cannot pass from one transfer of a process to the next, so it is made before.
            many = (self.rounds + 1) * repeat
            configs = [self.four_transfers(directory, address, operator, number) for number in range(many)]
            quiet = ["curl", "--disable", "--noproxy", "*"]
            script = ["sh", "-c", FOUR_PROCESSES, "sh", os.fspath(directory), address, MOUNT]
            ours, one, four = measure(
                [
                    Job("modelseal sign", self.sign(model, "one.sig"), repeat),
                    TokenJob("one curl, four transfers on one connection", quiet, repeat, iter(configs)),
                    Job("sh with four curl", script, repeat),
                ],
                self.rounds,
            )
        return Section(
            "A tiny model and a key on a server",
            [ours, one, four],
            [ratio("sign, to one curl", ours, one, 1.5), ratio("sign, to four curl", ours, four, 0.5)],
        )

    def many_jobs(self) -> Section:
        """Run many jobs at once against a server that limits them."""
        columns = ["signed", "signatures in the audit log", "told to wait (429)", "tokens left", "took"]
        rows = [f"| {self.jobs} jobs, {AT_A_TIME} at a time | {' | '.join(columns)} |", "|---|--:|--:|--:|--:|--:|"]
        signed, signatures, left = [], [], []
        for headers in (True, False):
            with self.server("--audit") as (operator, server):
                self.model()
                before = operator.alive()
                operator("POST", "sys/quotas/config", {"enable_rate_limit_response_headers": headers})
                quota = {"rate": RATE, "interval": "1s", "path": f"{MOUNT}/"}
                operator("POST", "sys/quotas/rate-limit/slow", quota)
                start = time.perf_counter()
                with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
                    ended = list(pool.map(self.job, range(self.jobs)))
                took = time.perf_counter() - start
                operator("DELETE", "sys/quotas/rate-limit/slow")
                signed.append(sum(status == 0 for status, _ in ended))
                signatures.append(signatures_of(Path(server["audit_log"])))
                left.append(len(operator.alive() - before))
                waited = sum(waits for _, waits in ended)
            how = "the server says how long to wait" if headers else "it does not"
            numbers = f"{signed[-1]} | {signatures[-1]} | {count(waited)} | {left[-1]}"
            rows.append(f"| {how} | {numbers} | {seconds(took)} |")
        return Section(
            f"{self.jobs} jobs, and a server that lets {RATE} requests a second through",
            [],
            [
                Requirement("jobs that signed", min(signed), self.jobs, at_least=True, unit="jobs"),
                Requirement("signatures, at most", max(signatures), self.jobs, unit="signatures"),
                Requirement("tokens that outlive their job", max(left), 0, unit="tokens"),
            ],
            rows,
        )

    def many_signatures(self) -> Section:
        """Sign many times in one process: does its memory grow."""
        program = self.modelseal.parent / "examples" / "sign_many"
        if not program.exists():
            raise BenchError(f"{program} is not there: `cargo build --release --examples -p modelseal-vault` builds it")
        with self.server():
            start = time.perf_counter()
            command = [os.fspath(program), f"hashivault://{MOUNT}/models", str(self.signatures)]
            done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
            took = time.perf_counter() - start
        if done.returncode != 0:
            raise BenchError(f"sign_many: {done.stderr.strip()}")
        (early, first), (last, final) = (map(int, line.split()) for line in done.stdout.splitlines())
        each = seconds(took / self.signatures)
        return Section(
            f"{count(self.signatures)} signatures in one process",
            [],
            [Requirement(f"growth after the first {count(early)}", (final - first) / 1024, 1, unit="MiB")],
            [
                "| signatures | memory | |",
                "|--:|--:|---|",
                f"| {count(early)} | {first / 1024:.2f} MiB | |",
                f"| {count(last)} | {final / 1024:.2f} MiB | {each} each, with a login for every tenth |",
            ],
        )

    @contextlib.contextmanager
    def server(self, *flags: str) -> Iterator[tuple[Operator, dict[str, Any]]]:
        """Start a server that can sign, and set the environment of jobs to it."""
        command = [sys.executable, os.fspath(SERVERS / "serve.py"), "openbao", *flags]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            if process.stdin is None or process.stdout is None:
                raise BenchError("the server has no pipes")
            line = process.stdout.readline()
            if not line:
                raise BenchError("there is no server; standard error says why")
            server = json.loads(line)
            operator = Operator(server)
            self.product = f"OpenBao {server['version']}"
            try:
                self.set_up(operator, server["address"])
                yield operator, server
            finally:
                process.stdin.close()
                process.wait()

    def set_up(self, operator: Operator, address: str) -> None:
        """Make mount, key, policy, role, and the identity of the job."""
        issuer, identity = self.work / "issuer", self.work / "identity"
        tool = [sys.executable, str(SERVERS / "issuer.py")]
        if not issuer.exists():
            subprocess.run([*tool, "new", issuer], check=True)
        mint = [*tool, "mint", os.fspath(issuer), "--audience", AUDIENCE, "--expires-in", "3600"]
        identity.touch(mode=0o600)
        identity.write_bytes(subprocess.run(mint, check=True, capture_output=True).stdout)
        operator("POST", f"sys/mounts/{MOUNT}", {"type": "transit"})
        operator("POST", f"{MOUNT}/keys/models", {"type": "ecdsa-p256"})
        operator("PUT", "sys/policies/acl/models-sign", {"policy": POLICY})
        operator("POST", "sys/auth/jwt", {"type": "jwt"})
        operator("POST", "auth/jwt/config", {"jwt_validation_pubkeys": [(issuer / "issuer.pem").read_text()]})
        role = {"role_type": "jwt", "user_claim": "repository_id", "bound_audiences": [AUDIENCE]}
        tokens = {"token_policies": ["models-sign"], "token_no_default_policy": True, "token_ttl": "5m"}
        operator("POST", "auth/jwt/role/models-sign", {**role, **tokens, "bound_claims": {"ref": "refs/heads/main"}})
        self.environment = {
            "PATH": os.environ["PATH"],
            "MODELSEAL_VAULT_ADDR": address,
            "MODELSEAL_AUTH": "jwt",
            "MODELSEAL_ROLE": "models-sign",
            "MODELSEAL_IDENTITY_TOKEN_FILE": str(identity),
        }

    def four_transfers(self, directory: Path, address: str, operator: Operator, number: int) -> Path:
        """Write the four requests of a job as a configuration of curl, with a token of its own."""
        created = operator("POST", "auth/token/create-orphan", {"policies": ["models-sign"], "ttl": "1h"})
        token, answer = created["auth"]["client_token"], directory / "answer"
        header = f'header = "X-Vault-Token: {token}"'
        common = f'silent\nshow-error\nfail\noutput = "{answer}"\n'
        transfers = [
            f'url = "{address}/v1/auth/jwt/login"\ndata = "@{directory / "login.json"}"\n',
            f'url = "{address}/v1/{MOUNT}/keys/models"\n{header}\n',
            f'url = "{address}/v1/{MOUNT}/sign/models"\n{header}\ndata = "@{directory / "sign.json"}"\n',
            f'url = "{address}/v1/auth/token/revoke-self"\n{header}\ndata = "{{}}"\n',
        ]
        path = directory / f"{number}.curl"
        path.write_text("next\n".join(common + transfer for transfer in transfers))
        return path

    def model(self) -> Path:
        """Return a model of one small file."""
        model = self.work / "served"
        if not model.exists():
            model.mkdir()
            (model / "config.json").write_text('{"hidden_size": 4}\n')
        return model

    def sign(self, model: Path, bundle: str) -> list[str | Path]:
        """Return the command of a job. What it needs besides comes with `env`, as a CI system sets it."""
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        key = f"hashivault://{MOUNT}/models"
        command: list[str | Path] = [self.modelseal, "sign", model, "--key", key, "--bundle", self.work / bundle]
        return ["env", "-i", *variables, *command]

    def job(self, number: int) -> tuple[int, int]:
        """Run one job; return its status, and how often it was told to wait."""
        command = [*self.sign(self.model(), f"job-{number}.sig"), "-v"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr.count(" 429 ")


def signatures_of(audit: Path) -> int:
    """Count the signatures that an audit log shows."""
    entries = (json.loads(line) for line in audit.read_text().splitlines())
    wanted = (entry for entry in entries if entry["request"]["path"] == f"{MOUNT}/sign/models")
    return sum(entry["type"] == "response" and not entry.get("error") for entry in wanted)
