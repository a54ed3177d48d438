"""What holds whatever strangers nest in each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import msgspec

Source = TypeVar("Source")
Read = TypeVar("Read")


def refuses_deep(decode: Callable[[Source], Read]) -> Callable[[Source], Read]:
    """`decode`, which raises `msgspec.DecodeError` as well for what is nested deeper than it goes.

    A decoder skips what it does not know as deep as the stack lets it, and raises `RecursionError` there: nobody
    expects that of bytes, and a few hundred are enough for it.
    """

    @wraps(decode)
    def decoded(source: Source) -> Read:
        try:
            return decode(source)
        except RecursionError as error:
            raise msgspec.DecodeError("it is nested too deep to be read") from error

    return decoded
