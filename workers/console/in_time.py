"""Calls that may hang in a store or while a model loads, ended in time for a person who waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pipeline.bounded import within
from pipeline.errors import ServiceError

T = TypeVar("T")


def in_time(seconds: float, call: Callable[[], T], otherwise: str) -> T:
    """What the call returns or raises; `ServiceError`, which says `otherwise`, where it takes longer.

    The call then goes on by itself, and what it comes to is dropped: it must end some day.
    """
    try:
        return within(seconds, call)
    except TimeoutError as error:
        raise ServiceError(f"it took longer than {seconds:g} s; {otherwise}") from error
