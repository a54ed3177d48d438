"""Logs: one event a line on stderr, readable on a terminal, JSON where a machine collects them."""

from __future__ import annotations

import logging
import sys
from multiprocessing import current_process
from typing import Any, Literal

import structlog

LIBRARIES = ("kafka", "httpcore")
"""They log every attempt to connect. A command says in its one line what came of it; a running worker lets them."""
_ALONE = "MainProcess"
"""What Python calls a process that nobody has named."""


def configure_logging(level: str, form: Literal["auto", "console", "json"]) -> None:
    """Set up structlog, and send other libraries' errors the same way."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _name_process,
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
        # One write a line: PrintLogger makes two where Python is unbuffered, and several processes' lines would mix.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
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


def name_this_process(name: str) -> None:
    """Every line from now on says which of several processes has written it, as ``process``."""
    current_process().name = name


def _name_process(_logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A context variable would not do: each thread begins without them."""
    name = current_process().name
    return event if name == _ALONE else {"process": name, **event}


def _drop_meta(logger: Any, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, name, event)
