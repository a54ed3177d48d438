"""Two policies side by side, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import msgspec

from pipeline.lab.evaluation.agreement import kappa
from pipeline.lab.evaluation.rates import a_day
from pipeline.lab.evaluation.shares import Estimate, share
from pipeline.wire import Action, SourceRef, Verdict

SCHEMA = "sluice.compare.v1"
OUTCOMES: tuple[Verdict, ...] = get_args(Verdict)
"""Of one policy: ``allow`` says that it does not flag the image. From the mildest on."""
ACTIONS: tuple[Action, ...] = get_args(Action)
SIZE = len(OUTCOMES)
DAY = 86_400.0


class Cells(msgspec.Struct, frozen=True, array_like=True):
    """``counts[4 * a + b]`` images had that outcome of policy A and that of B, by its index in `OUTCOMES`."""

    counts: tuple[int, ...] = (0,) * (SIZE * SIZE)

    def of(self, a: Verdict, b: Verdict) -> int:
        return self.counts[SIZE * OUTCOMES.index(a) + OUTCOMES.index(b)]

    @property
    def images(self) -> int:
        return sum(self.counts)

    @property
    def neither(self) -> int:
        return self.counts[0]

    @property
    def only_a(self) -> int:
        return sum(self.counts[::SIZE]) - self.neither

    @property
    def only_b(self) -> int:
        return sum(self.counts[:SIZE]) - self.neither

    @property
    def both(self) -> int:
        return self.images - self.only_a - self.only_b - self.neither

    def taken(self, action: Action) -> tuple[int, int]:
        """How often A took that action, and B."""
        at = OUTCOMES.index(action)
        return sum(self.counts[SIZE * at : SIZE * (at + 1)]), sum(self.counts[at::SIZE])


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An image that only one of the two flags."""

    image_id: str
    event_id: str
    decision_id: str
    decided_at: str
    """RFC 3339, in UTC."""
    scores: tuple[float, float]
    """Of A, and of B."""
    outcomes: tuple[Verdict, Verdict]
    segment: str = ""
    """The path of its segment; empty where it was found in a topic."""
    record: int = 0
    """Its offset in the features topic."""
    source: SourceRef | None = None
    """Where its event stands; None where it was found in an archive."""
    thumbnail: bytes | None = None
    no_picture: str = ""
    """Why there is none to show, where one was looked for."""


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the images of one day, in UTC, of which decisions were found for so many seconds."""

    day: str
    cells: Cells
    first: float
    last: float

    @property
    def whole(self) -> bool:
        """Whether it was seen nearly from its beginning to its end, so that its counts are those of a day."""
        return self.last - self.first >= 0.9 * DAY


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What policies A and B said of the images that both scored. Times are in seconds since the epoch."""

    schema: str = SCHEMA
    a: str
    b: str
    source: str
    """The archive or the topic."""
    cells: Cells
    days: tuple[Day, ...]
    without: int = 0
    """Decisions in which one of the two has no score, since it was not there by then."""
    policy_sets: Mapping[str, int] = {}
    """How many of the images each policy set decided."""
    only_a: tuple[Told, ...] = ()
    """Some of those that only A flags, drawn by chance."""
    only_b: tuple[Told, ...] = ()

    @property
    def first(self) -> float:
        return min((each.first for each in self.days), default=0.0)

    @property
    def last(self) -> float:
        return max((each.last for each in self.days), default=0.0)

    @property
    def agreement(self) -> Estimate | None:
        """The share of the images that both flag, or neither; None without any image."""
        cells = self.cells
        return share(cells.both + cells.neither, cells.images) if cells.images else None

    @property
    def kappa(self) -> Estimate | None:
        """Cohen's, as `agreement.kappa` gives it."""
        cells = self.cells
        return kappa(cells.both, cells.only_a, cells.only_b, cells.neither) if cells.images else None

    def load(self, side: int) -> Estimate | None:
        """How many images a day reviewers get of A (0) or B (1): those with the action review."""
        whole = [each.cells.taken("review")[side] for each in self.days if each.whole]
        return a_day(self.cells.taken("review")[side], (self.last - self.first) / DAY, whole)
