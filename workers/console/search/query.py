"""What a person searches for, as the address of the page says it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

from pipeline.errors import UsageError
from pipeline.rules.alike import ALIKE
from pipeline.rules.times import Window
from workers.commands.options import known_verdicts
from workers.console.wordings import check_wordings, wordings_of
from workers.search.options import LEAST
from workers.search.record import UNFOLDED, Asked
from workers.settings.times import time_of

STEP, MOST = 48, 192
"""Pictures on the sheet at first, and the most of them."""


@dataclass(frozen=True)
class Query:
    """What was typed. Its fields are the names of the form, and an empty one says nothing."""

    words: str = ""
    """A wording a line, of which one is enough."""
    unless: str = ""
    picture: str = ""
    """The name under which an uploaded picture is remembered."""
    like: str = ""
    """An event, by its id."""
    day: str = ""
    """The day on which that event was decided, if it is known: looking for it is quick then."""
    since: str = ""
    until: str = ""
    verdict: str = ""
    policy: str = ""
    least: str = ""
    unfolded: str = ""
    most: str = ""

    @classmethod
    def of(cls, said: Mapping[str, str]) -> Query:
        """The query of a form or an address; what is no field of it is no matter."""
        return cls(**{each.name: said.get(each.name, "").strip()[:4000] for each in fields(cls)})

    @property
    def wordings(self) -> list[str]:
        return wordings_of(self.words.splitlines())

    @property
    def empty(self) -> bool:
        return not (self.wordings or self.picture or self.like)

    @property
    def by_words(self) -> bool:
        return not (self.picture or self.like)

    @property
    def lines(self) -> int:
        """Pictures on the sheet."""
        return min(max(int(self.most), 1), MOST) if self.most.isascii() and self.most.isdigit() else STEP

    def said(self) -> list[tuple[str, str]]:
        """The fields that say something, as a form carries them on."""
        return [(each.name, value) for each in fields(self) if (value := getattr(self, each.name))]

    def address(self, path: str = "/search", **changed: str) -> str:
        """The page of this query, or of one that differs in these fields."""
        return f"{path}?{urlencode(replace(self, **changed).said())}"

    def window(self) -> Window:
        """The times that count. Raises `UsageError`."""
        now = time.time()
        window = Window(*(time_of(name, text, now) if text else None for name, text in self._times()))
        if window.since is not None and window.until is not None and window.since >= window.until:
            raise UsageError(f"from {self.since} is not before until {self.until}")
        return window

    def asked(self, where: str, window: Window) -> Asked:
        """What is asked of an archive, as `sluice search` has it. Raises `UsageError`."""
        unless = wordings_of(self.unless.splitlines())
        if self.by_words:
            check_wordings(self.wordings)
            check_wordings(unless)
        return Asked(
            words=self.wordings if self.by_words else [],
            unless=unless if self.by_words else [],
            images=["the uploaded picture"] if self.picture else [],
            like=[self.like] if self.like and not self.picture else [],
            archive=where,
            since=window.since,
            until=window.until,
            verdicts=sorted(known_verdicts([self.verdict] if self.verdict else ())),
            policies=[self.policy] if self.policy else [],
            least=self._least(),
            alike=UNFOLDED if self.unfolded else ALIKE,
        )

    def _times(self) -> Iterator[tuple[str, str]]:
        yield "from", self.since
        yield "until", "" if self.until == "now" else self.until

    def _least(self) -> float:
        if not self.least:
            return LEAST if self.by_words else -1.0
        try:
            least = float(self.least)
        except ValueError:
            least = math.nan
        if math.isnan(least):
            raise UsageError(f"least score {self.least}: that is no number from 0 to 1")
        return min(max(least, -1.0), 1.0)
