"""The model and the policies of a console that has none beside it, loaded when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from workers.settings import Settings

if TYPE_CHECKING:
    from workers.assembly import Judge


def judge_when_asked(settings: Settings) -> Callable[[], Judge]:
    """What loads them once, for whoever asks first; it takes seconds, and others wait. It raises `UsageError`.

    The policies are those of the folder as it then is.
    """
    lock, made = Lock(), list["Judge"]()

    def judge() -> Judge:
        from pipeline.adapters.memory import MemoryTextCache  # noqa: PLC0415
        from pipeline.ports import Hooks  # noqa: PLC0415
        from workers import assembly  # noqa: PLC0415 - torch

        with lock:
            if not made:
                model = assembly.load_model(settings)
                made.append(assembly.judge(settings, model, MemoryTextCache(), Hooks()))
            return made[0]

    return judge
