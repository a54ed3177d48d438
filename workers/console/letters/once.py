"""Forms that do something once, however often a browser sends them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from threading import Lock

KEPT = 1_000
"""Forms that are remembered, the last ones."""


class SentBeforeError(Exception):
    """The form was sent before."""


class Once:
    """Safe to share. A form without a token is none of ours, and may be sent as often as its sender likes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sent: OrderedDict[str, None] = OrderedDict()

    def token(self) -> str:
        """For a form that is shown now."""
        return token_hex(8)

    @contextmanager
    def of(self, token: str) -> Iterator[None]:
        """Within, the form with that token is dealt with; where that raises it may be sent again.

        Raises `SentBeforeError`.
        """
        with self._lock:
            if token in self._sent:
                raise SentBeforeError
            if token:
                self._sent[token] = None
                while len(self._sent) > KEPT:
                    self._sent.popitem(last=False)
        try:
            yield
        except Exception:
            with self._lock:
                self._sent.pop(token, None)
            raise
