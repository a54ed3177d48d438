"""Logs: one event a line on stderr, readable on a terminal, JSON where a machine collects them."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog

LIBRARIES = ("kafka", "httpcore")
"""They log every attempt to connect. A command says in its one line what came of it; a running worker lets them."""


def configure_logging(level: str, form: Literal["auto", "console", "json"]) -> None:
    """Set up structlog, and send other libraries' errors the same way."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[_drop_meta, *last], foreign_pre_chain=shared)
    )
    logging.basicConfig(handlers=[handler], level=logging.ERROR, force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def report_library_errors() -> None:
    """From now on, pass on the errors that libraries log: a broker that is away, for one."""
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)


def _drop_meta(logger: Any, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, name, event)
