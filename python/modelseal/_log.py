"""The log of what is asked of a server. The native half calls this; it is imported when a server is needed."""

from __future__ import annotations

import logging

_LOGGER = logging.getLogger("modelseal.vault")


def request(method: str, path: str, status: int | None, milliseconds: int, request_id: str | None) -> None:
    """Log one request. Nothing secret is in it: no query, no header, no body."""
    answer = "no answer" if status is None else status
    if request_id is None:
        _LOGGER.debug("%s %s %s %d ms", method, path, answer, milliseconds)
    else:
        _LOGGER.debug("%s %s %s %d ms id %s", method, path, answer, milliseconds, request_id)


def notice(text: str) -> None:
    """Log what was decided about a server, such as which variable its address came from."""
    _LOGGER.info("%s", text)


def warning(text: str) -> None:
    """Log what the user should know, where no result can say it: a token that lives long."""
    _LOGGER.warning("%s", text)
