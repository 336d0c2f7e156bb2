"""The log of what is asked of servers. The native half calls this; it is imported when one is needed."""

from __future__ import annotations

import logging

_LOGGER = logging.getLogger("modelseal.vault")
_IDENTITY = logging.getLogger("modelseal.identity")


def request(method: str, path: str, status: int | None, milliseconds: int, request_id: str | None) -> None:
    """Log one request. Nothing secret is in it: no query, no header, no body."""
    _request(_LOGGER, method, path, status, milliseconds, request_id)


def identity_request(method: str, path: str, status: int | None, milliseconds: int, request_id: str | None) -> None:
    """Log one request to a source of identity tokens; the path begins with the host."""
    _request(_IDENTITY, method, path, status, milliseconds, request_id)


def _request(
    logger: logging.Logger, method: str, path: str, status: int | None, milliseconds: int, request_id: str | None
) -> None:
    answer = "no answer" if status is None else status
    if request_id is None:
        logger.debug("%s %s %s %d ms", method, path, answer, milliseconds)
    else:
        logger.debug("%s %s %s %d ms id %s", method, path, answer, milliseconds, request_id)


def notice(text: str) -> None:
    """Log what was decided about a server, such as which variable its address came from."""
    _LOGGER.info("%s", text)


def identity_notice(text: str) -> None:
    """Log which source of identity tokens was found, and for whom it is asked."""
    _IDENTITY.info("%s", text)


def warning(text: str) -> None:
    """Log what the user should know, where no result can say it: a token that lives long."""
    _LOGGER.warning("%s", text)
