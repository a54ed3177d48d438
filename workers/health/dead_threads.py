"""A thread that ends by an error nobody foresaw is no quiet loss: it is logged, and the process is not well."""

from __future__ import annotations

import threading

import structlog

from workers.health.vitals import Vitals

_log = structlog.get_logger(__name__)


def watch_threads(vitals: Vitals) -> None:
    """From now on any thread's death, of ours or of a library, makes ``/healthz`` fail: what it did is done no more.

    The threads of a pool do not die: what their work raises is for whoever waits for it.
    """
    dead: list[str] = []

    def died(last: threading.ExceptHookArgs) -> None:
        name = "?" if last.thread is None else last.thread.name
        dead.append(f"{name} has ended: {last.exc_type.__name__}: {last.exc_value}")
        _log.error("thread_died", thread=name, exc_info=last.exc_value)

    threading.excepthook = died
    vitals.watch("threads", lambda: "; ".join(dead[:3]) or None)
