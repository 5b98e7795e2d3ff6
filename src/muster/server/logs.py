"""Logs of the server: structured, one line per event, to stderr; JSON for machines, aligned text for people.

Everything passes through here, structlog's events and whatever uvicorn or asyncio say through the standard library. Text that
came from an instance may hold terminal escapes or be very long: every value is made printable and cut before it is written.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

from muster.model import limits, names
from muster.server.settings import Log

Event = MutableMapping[str, Any]


def configure(log: Log, stream: TextIO) -> None:
    """Send every log line of this process to `stream`. Called once, by the composition root."""
    level = logging.getLevelNamesMapping()[log.level.upper()]
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(log, stream)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("uvicorn").setLevel(
        logging.WARNING
    )  # It tells its life at INFO, which we do ourselves.
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # loggers made before this call must follow it
    )


def _renderers(log: Log, stream: TextIO) -> list[structlog.typing.Processor]:
    terminal = stream.isatty()
    if log.format == "json" or (log.format == "auto" and not terminal):
        last: structlog.typing.Processor = structlog.processors.JSONRenderer(serializer=_json)
    else:
        last = structlog.dev.ConsoleRenderer(
            colors=terminal, exception_formatter=structlog.dev.plain_traceback
        )
    return [structlog.processors.format_exc_info, _printable, last]


def _printable(_logger: object, _method: str, event: Event) -> Event:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _clean_lines(value) if key in _MANY_LINES else _clean(value)
    return event


def _clean(text: str) -> str:
    return names.printable(text, limits.LOG_VALUE_CHARS)


def _clean_lines(text: str) -> str:
    return "\n".join(_clean(line) for line in text.split("\n"))


_MANY_LINES = frozenset({"exception", "stack"})
"""Written by Python, which quotes the message of an exception as it is."""


def _json(event: Event, **_: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
