"""The model and the policies of a console that has none beside it, loaded when they are first asked for."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event, Lock
from typing import TYPE_CHECKING

from workers.settings import Settings

if TYPE_CHECKING:
    from workers.assembly import Judge

LEAVING = 5.0
"""Seconds that an edit which is being taken up may go on for, once the console ends."""


class JudgeWhenAsked:
    """Loads them once, for whoever asks first; it takes seconds, and others wait. It raises `UsageError`.

    From then on the policies follow the folder, as those of a worker do, until `close`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._made: Judge | None = None
        self._stop = Event()
        self._watching = ExitStack()

    def __call__(self) -> Judge:
        with self._lock:
            if self._made is None:
                self._made = self._loaded()
            return self._made

    def close(self) -> None:
        """Follow the folder no longer. Idempotent."""
        self._stop.set()
        self._watching.close()

    def _loaded(self) -> Judge:
        from pipeline.ports import Hooks  # noqa: PLC0415
        from workers import assembly  # noqa: PLC0415 - torch
        from workers.policies.watch import PolicyWatch, watched_policies  # noqa: PLC0415

        settings = self._settings
        made = assembly.judge(settings, assembly.load_model(settings), Hooks())
        watch = PolicyWatch(settings.policies, made.reading, made.live, self._stop, Hooks())
        self._watching.enter_context(watched_policies(watch, self._stop, LEAVING))
        return made
