"""Logs: one event a line on stderr, readable on a terminal, JSON where a machine collects them.

Logging fails nobody who logs: what cannot be written is counted (`streams`), and so is what cannot be rendered. Nor
does it drown a disk: of lines that repeat, the first few are written, and one more line gives the number of the rest.
"""

from __future__ import annotations

import atexit
import json
import logging
import math
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import current_process
from textwrap import indent
from typing import Any, Literal, TextIO

import structlog

from workers.process import streams
from workers.process.floods import FloodGate
from workers.terminal.plain import one_line, visible
from workers.terminal.surprises import say_as_events

LIBRARIES = ("kafka", "httpcore2")
"""Libraries that log every attempt to connect.

A command says in one line what came of it, so only a running worker lets them log.
"""
WINDOW = 10.0
OF_A_LIBRARY, OF_OURS = 10, 100
"""Most lines of one kind in `WINDOW` seconds. Ours may repeat with reason: a policy folder can hold many mistakes."""
MORE = "more_like_it"
_ALONE = "MainProcess"
"""What Python calls a process that nobody has named."""
_PLAIN = {"event", "level", "timestamp", "logger", "logger_name"}
"""What a line on a terminal shows as it is, without quotes."""
_LEVELS = {"debug", "info", "warning", "error", "critical"}
_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+")
_ours, _theirs = FloodGate(OF_OURS, WINDOW), FloodGate(OF_A_LIBRARY, WINDOW)
_log = structlog.get_logger(__name__)


def configure_logging(level: str, form: Literal["auto", "console", "json"]) -> None:
    """Set up structlog, and send other libraries' errors the same way."""
    stream = sys.stderr
    console = form == "console" or (form == "auto" and stream.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _name_process,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
    ]
    last: list[structlog.typing.Processor] = (
        [_shown, structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=_trace)]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
    )
    structlog.configure(
        processors=[_hold_back_repeats, *shared, *last],
        wrapper_class=_never_raising(structlog.make_filtering_bound_logger(level)),
        # One write a line: PrintLogger makes two where Python is unbuffered, and several processes' lines would mix.
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(stream)
    handler.addFilter(_first_of_its_kind)
    handler.addFilter(_the_network_in_one_line)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[_drop_meta, *last], foreign_pre_chain=shared)
    )
    logging.basicConfig(handlers=[handler], level=logging.ERROR, force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    atexit.register(_tell_what_is_held_back)
    say_as_events(_last_words if form == "json" else None)


class _Shown:
    """Text as a log line on a terminal shows it: structlog takes the `repr` of whatever is no text."""

    def __init__(self, text: str) -> None:
        self._text = one_line(text)

    def __repr__(self) -> str:
        return self._text

    __str__ = __repr__


def _shown(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Make safe what the renderer would print raw: text, and what other values say of themselves."""
    return {one_line(str(name)): _safe(name, value) for name, value in event.items()}


def _safe(name: str, value: Any) -> Any:
    if name in {"exc_info", "exception", "stack"}:
        return visible(value) if isinstance(value, str) else value
    if isinstance(value, str):
        shown = one_line(value)
        return shown if shown == value or name in _PLAIN else _Shown(f"'{value}'")
    return value if value is None or isinstance(value, (bool, int, float)) else _Shown(repr(value))


def _json(event: dict[str, Any], **how: Any) -> str:
    """A line of JSON, which knows no NaN and no infinity: those are shown as text."""
    try:
        return json.dumps(event, allow_nan=False, **how)
    except ValueError:
        return json.dumps(_finite(event), **how)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _trace(stream: TextIO, error: structlog.typing.ExcInfo) -> None:
    """Write a traceback as Python does, indented: its message may quote what a stranger wrote, lines and all."""
    stream.write("\n" + indent(visible("".join(traceback.format_exception(*error))).rstrip("\n"), "  "))


def _last_words(event: str, lines: Sequence[str]) -> None:
    """What a command would say in lines of text, where each line must be JSON."""
    (_log.warning if event == "warned" else _log.critical)(event, error="\n".join(lines))


def report_library_errors() -> None:
    """From now on, pass on the errors that libraries log: a broker that is away, for one."""
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)


def log_as_a_service(lost: Callable[[int], object]) -> None:
    """From now on nobody waits long for the log's reader; `lost` is told of the lines that are not written."""
    streams.stderr.wait_no_longer_than(streams.PATIENCE)
    streams.stderr.report_to(lost)


def name_this_process(name: str) -> None:
    """Every line from now on says which of several processes has written it, as ``process``."""
    current_process().name = name


class _Handler(logging.StreamHandler[Any]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Count a line that could not be rendered, where the library would complain on stderr."""
        del record
        streams.stderr.lost()


def _never_raising(logger: type[Any]) -> type[Any]:
    """A subclass of that class of loggers, for which nothing that goes wrong while it logs reaches who logs."""

    class Logger(logger):  # type: ignore[misc]
        def _proxy_to_logger(self, *args: Any, **event: Any) -> Any:
            try:
                return super()._proxy_to_logger(*args, **event)
            except Exception:  # noqa: BLE001 - a value whose repr raises, a stream that a test has closed
                streams.stderr.lost()

    return Logger


def _hold_back_repeats(_logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    kind = str(event.get("event"))
    if kind != MORE and not _ours.lets_through((method, kind), partial(_tell, method, kind)):
        raise structlog.DropEvent
    return event


def _first_of_its_kind(record: logging.LogRecord) -> bool:
    """A record's kind is its text before values are put in, less the numbers that libraries put in beforehand."""
    kind = (record.name, record.levelno, _NUMBERS.sub("#", str(record.msg)))
    return _theirs.lets_through(kind, partial(_tell_of, record))


def _the_network_in_one_line(record: logging.LogRecord) -> bool:
    """A library's record of what the network did, without a traceback: where it was met is no news, and no bug."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, OSError) and record.name.partition(".")[0] in LIBRARIES:
        record.msg, record.args = f"{record.getMessage()}: {type(error).__name__}: {error}", ()
        record.exc_info = record.exc_text = None
    return True


def _tell_of(record: logging.LogRecord, count: int) -> None:
    level = record.levelname.lower()
    _tell(level if level in _LEVELS else "error", record.getMessage(), count, logger=record.name)


def _tell(level: str, kind: str, count: int, **more: object) -> None:
    getattr(_log, level)(MORE, like=kind, lines=count, seconds=WINDOW, **more)


def _tell_what_is_held_back() -> None:
    for gate in (_ours, _theirs):
        gate.close()


def _name_process(_logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A context variable would not do, because each thread begins without any."""
    name = current_process().name
    return event if name == _ALONE else {"process": name, **event}


def _drop_meta(logger: Any, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, name, event)
