"""A job of GitHub Actions as a fixture.

A test module has it with `pytest_plugins = ["actions_job"]`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from actions_endpoint import PATH, REQUEST_TOKEN, Endpoint


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """A job of GitHub Actions, and what gives it tokens."""
    with Endpoint() as endpoint:
        thread = threading.Thread(target=endpoint.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", endpoint.url + PATH)
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN)
        yield endpoint
        endpoint.released.set()
        endpoint.shutdown()
        thread.join(60)
