"""Between a client and a real server: shows what is asked, and holds or alters answers."""

from __future__ import annotations

import http.client
import http.server
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing_extensions import Self

PATIENCE = 60.0


@dataclass
class Proxy:
    """A proxy on loopback. `with` runs it."""

    upstream: str
    #: What the last part of a path does: an answer of its own.
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    #: The last part of the path that is held until `released`.
    hold: str | None = None
    held: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    #: Method and path of everything asked, in order.
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    #: Tokens and accessors of logins that were granted.
    granted: list[dict[str, Any]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = serve(self._answer)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: http.server.BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        self.asked.append(f"{request.command} {request.path}")
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        last = request.path.rsplit("/", 2)
        name = last[-1] if last[-1] != "model" else last[-2]
        if name == self.hold:
            self.held.set()
            self.released.wait(PATIENCE)
        if name in self.answers:
            status, answer = self.answers[name]
            return status, json.dumps(answer).encode()
        upstream = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=30)
        try:
            headers = {key: value for key, value in request.headers.items() if key.lower().startswith("x-")}
            connection.request(request.command, request.path, body or None, headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if name == "login" and response.status == 200:
            self.granted.append(json.loads(text)["auth"])
        return response.status, text


def token_review(authenticated: Callable[[str], bool]) -> http.server.ThreadingHTTPServer:
    """Answer as a Kubernetes cluster that is asked about the tokens of the account `mlops/signer`."""

    def answer(_: http.server.BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        token = json.loads(body)["spec"]["token"]
        status: dict[str, Any] = {"authenticated": False, "error": "unknown token"}
        if authenticated(token):
            user = {"username": "system:serviceaccount:mlops:signer", "uid": "42"}
            status = {"authenticated": True, "audiences": ["https://vault.example"], "user": user}
        return 201, json.dumps({"kind": "TokenReview", "status": status}).encode()

    return serve(answer)


Answer = Callable[[http.server.BaseHTTPRequestHandler, bytes], "tuple[int, bytes]"]


def serve(answer: Answer) -> http.server.ThreadingHTTPServer:
    """Serve on loopback, in threads that end with this process."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, text = answer(self, body)
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                if status != 204:
                    self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            except OSError:
                # Whoever asked has gone.
                self.close_connection = True

        do_POST = do_GET  # noqa: N815 - as above

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as inherited
            pass

    class Listener(http.server.ThreadingHTTPServer):
        daemon_threads = True
        # Threads may wait for a client that never comes back.
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    listener = Listener(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return listener
