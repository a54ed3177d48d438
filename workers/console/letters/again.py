"""Dead letters that a person chose: found where they stand, and their events sent again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from pipeline.wire import SourceRef, read_dead_letter
from workers.console.letters.shelf import Place
from workers.console.reach import Reach
from workers.dlq.found import Found
from workers.dlq.originals import Originals
from workers.dlq.outcomes import REPLAYED
from workers.dlq.replay import Replay, Target
from workers.history.events import Events
from workers.settings import Settings

RATE = 50.0
"""Events a second, as `sluice dlq replay` sends them: a part of what one worker decides."""
MOST = 100
"""Dead letters at once: two seconds of them. For more there is the command."""


@dataclass(frozen=True)
class Outcome:
    """What became of one, or would: `REPLAYED`, or in a word why it was not, and what to do about it."""

    found: Found
    outcome: str
    why: str

    @property
    def sent(self) -> bool:
        return self.outcome == REPLAYED


def found_at(reach: Reach, settings: Settings, places: Sequence[Place]) -> list[Found]:
    """The dead letters that stand there, but for those that do not any more. Raises `ServiceError`."""
    with closing(Events(reach.topic)) as events:
        records = [events.at(SourceRef(settings.dead_letters_topic, *place)) for place in places]
    return [Found(each, read_dead_letter(each)) for each in records if each is not None]


def sent_again(reach: Reach, settings: Settings, chosen: Sequence[Found], *, dry_run: bool) -> list[Outcome]:
    """Send their events to the images topic, or with `dry_run` say which would be. It keeps no progress.

    Raises `ServiceError`, and `PublishError` where the broker did not take them.
    """
    outcomes = list[Outcome]()
    with ExitStack() as held:
        images = held.enter_context(closing(reach.topic(settings.images_topic)))
        originals = held.enter_context(closing(Originals(reach.topic)))
        writer = None if dry_run else held.enter_context(closing(reach.writer()))
        target = Target(settings.images_topic, len(images.spans()))

        def tell(found: Found, outcome: str, why: str) -> None:
            outcomes.append(Outcome(found, outcome, why))

        replaying = Replay(target, originals, writer, RATE, tell, lambda _: None)
        for found in chosen:
            replaying.take(found, meant=True)
        replaying.flush()
    return outcomes
