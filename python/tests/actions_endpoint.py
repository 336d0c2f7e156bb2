"""What gives tokens to the jobs of GitHub Actions, on this machine and as the tests want it."""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ISSUER = "https://token.actions.githubusercontent.com"
#: The path as the runners really get it, with an empty part and a query.
PATH = "/150//idtoken/7f1c/a2b3?api-version=2.0"
#: What allows to ask for tokens, and the signature of every token: neither must ever be seen.
REQUEST_TOKEN = "planted-request-token"
SIGNATURE = "cGxhbnRlZC1zaWduYXR1cmU"


def encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def mint(audience: object, **claims: object) -> str:
    claims = {"iss": ISSUER, "aud": audience, "exp": int(time.time()) + 300, "sub": "planted-subject", **claims}
    return f"{encode({'alg': 'RS256'})}.{encode(claims)}.{SIGNATURE}"


class Endpoint(ThreadingHTTPServer):
    """Answers with a token for the audience that is asked for, unless `answers` has something else first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.asked: list[tuple[str, dict[str, str]]] = []
        #: Status, headers and body of the next answers; None: none at all.
        self.answers: list[tuple[int, dict[str, str], bytes] | None] = []
        self.held, self.released = threading.Event(), threading.Event()
        self.serial = 0
        self.url = f"http://127.0.0.1:{self.server_port}"

    def say(self, status: int, body: object = b"", **headers: str) -> None:
        """Add an answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, content))

    def give(self, token: str) -> None:
        """Add an answer with this token."""
        self.say(200, {"value": token})

    def answer(self, target: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes] | None:
        with self.lock:
            self.asked.append((target, headers))
            if self.answers:
                return self.answers.pop(0)
            self.serial += 1
            audience = parse_qs(urlsplit(target).query)["audience"][0]
            token = mint(audience, jti=str(self.serial))
            return 200, {}, json.dumps({"value": token}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def do_GET(self) -> None:
        answer = self.server.answer(self.path, {name.lower(): value for name, value in self.headers.items()})
        if answer is None:
            self.server.held.set()
            self.server.released.wait(60)
            self.close_connection = True
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""
