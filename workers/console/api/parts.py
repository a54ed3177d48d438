"""What the endpoints stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.ports import EncoderSpec
from workers.console.api.desk import Desk
from workers.console.api.texts import Texts


@dataclass(frozen=True)
class Parts:
    desk: Desk
    texts: Texts
    spec: EncoderSpec
    braked: Callable[[], str | None]
    """Why only a trial is taken now and then; None while all are."""
    max_bytes: int
    """Of an image."""
    deadline: float
    """Seconds in which a request is answered, and the most that it may ask for."""
    subject_header: str
