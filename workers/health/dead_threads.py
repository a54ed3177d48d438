"""A thread that dies of an unforeseen error is logged, and from then on its process is not well."""

from __future__ import annotations

import threading

import structlog

from workers.health.vitals import Vitals

_log = structlog.get_logger(__name__)


def watch_threads(vitals: Vitals) -> None:
    """From now on the death of a thread, ours or a library's, makes ``/healthz`` fail: nobody does its work any more.

    The threads of a pool do not die: what their work raises goes to whoever waits for its result.
    """
    dead: list[str] = []

    def died(last: threading.ExceptHookArgs) -> None:
        name = "?" if last.thread is None else last.thread.name
        dead.append(f"{name} has ended: {last.exc_type.__name__}: {last.exc_value}")
        _log.error("thread_died", thread=name, exc_info=last.exc_value)

    threading.excepthook = died
    vitals.watch("threads", lambda: "; ".join(dead[:3]) or None)
