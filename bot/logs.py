"""Makes logs one JSON object a line, with everything that looks like a secret blotted out."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_KEY = re.compile(r"secret|password|token|api_?key|signature|authorization", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(xox[abp]-|xapp-)[\w-]+"
    r"|((?:apikey|signature|secretkey|password)=)[^&\s]+"
    r"|(://[^:/@\s]+:)[^@/\s]+(?=@)",
    re.IGNORECASE,
)
MASK = "***"


def redact(text: str) -> str:
    """Blot out tokens, signed parameters and passwords in URLs."""
    return _SECRET_TEXT.sub(lambda m: f"{m[2] or m[3] or m[1] or ''}{MASK}", text)


def _redacting(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if _SECRET_KEY.search(key):
            event[key] = MASK
        elif isinstance(value, str):
            event[key] = redact(value)
    return event


def configure(
    *, level: str = "INFO", readable: bool = False, calm: logging.Filter | None = None
) -> None:
    """Set up structlog and the standard library's logging, to standard error.

    `calm` keeps foreign libraries from flooding the log.
    """
    renderer = structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redacting,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    if calm is not None:
        handler.addFilter(calm)
    # On the handler, not on the root: `bot.adapters.kafka.last_words` listens beside it.
    handler.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
