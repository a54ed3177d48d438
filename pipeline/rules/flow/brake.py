"""When a worker stops taking events, because too many of its answers are dead letters through a fault of ours.

A store that is gone or a model that breaks turns every image into a dead letter, as fast as they come. Nothing is
lost by that, but all of it has to be sent again by hand. So past a ratio or a run of such dead letters the worker
takes only one event now and then, as a trial, until a run of trials is fine or a person lets it go on. (Arroyo limits
what goes to its dead-letter topic likewise.)
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from pipeline.errors import Reason
from pipeline.wire import Failure

SPEAK_OF_US = frozenset({Reason.STAGE_FAILED, Reason.ANSWER_REFUSED})
"""The reasons that count, besides whatever is away. No number of broken files, or of claims for what is not there,
brings them about: what strangers could bring about would let anybody stop the pipeline."""
WINDOW = 200
"""The ratio is taken of that many last answers."""
GOOD_RUN = 5
"""Trials in a row that must be fine for the brake to come off, of the kind for which it is on."""
NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """How many dead letters in a row, or which share of the last `WINDOW` answers, put the brake on.

    0 turns either off. While the brake is on, one event is tried every `trial_interval` seconds.
    """

    run: int = 100
    ratio: float = 0.5
    trial_interval: float = 10.0


@dataclass(slots=True)
class _Answers:
    """The last answers of one kind: True for a dead letter through a fault of ours."""

    last: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    run: int = 0

    def count(self, *, bad: bool) -> None:
        self.last.append(bad)
        self.run = self.run + 1 if bad else 0

    @property
    def ratio(self) -> float:
        return sum(self.last) / WINDOW if len(self.last) == WINDOW else 0.0


class Brake:
    """Is told of every answer. Claim checks and inline images are counted apart, or the many would hide the few."""

    def __init__(self, limits: BrakeLimits) -> None:
        self._limits = limits
        self._kinds = {True: _Answers(), False: _Answers()}
        self._good = 0
        self._claims = False
        self._tried_at = NEVER
        self.reason: str | None = None
        """Why the brake is on, in words; None while it is off."""

    def answered(self, failure: Failure | None, *, claim: bool) -> None:
        """Count the answer to one event, which is a dead letter where there is a `failure`."""
        bad = failure is not None and (failure.passing or failure.reason in SPEAK_OF_US)
        kind = self._kinds[claim]
        kind.count(bad=bad)
        if self.reason is None:
            self._claims = claim
            self.reason = self._too_many(kind, "claim checks" if claim else "images") if bad else None
        elif claim is not self._claims:
            self._tried_at = NEVER  # an answer of the other kind shows nothing: the next trial need not wait
        else:
            self._good = 0 if bad else self._good + 1
            if self._good >= GOOD_RUN:
                self.release()

    def release(self) -> None:
        """Take the brake off, and count anew."""
        self._kinds = {True: _Answers(), False: _Answers()}
        self._good, self.reason = 0, None

    def room(self, room: int, inside: bool, now: float) -> int:
        """How many of `room` events may be taken now; `inside` tells whether any is under way."""
        if self.reason is None:
            return room
        if inside or now - self._tried_at < self._limits.trial_interval:
            return 0
        return min(room, 1)

    def tried(self, now: float) -> None:
        """Note that events were taken, which is a trial while the brake is on."""
        self._tried_at = now

    def _too_many(self, kind: _Answers, what: str) -> str | None:
        limits = self._limits
        if limits.run and kind.run >= limits.run:
            return f"the last {kind.run} {what} became dead letters for reasons that are ours and not theirs"
        if limits.ratio and kind.ratio >= limits.ratio:
            return f"{kind.ratio:.0%} of the last {WINDOW} {what} became dead letters for reasons that are ours"
        return None
