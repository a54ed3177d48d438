"""``sluice dlq replay``: what failed is sent again, once the reason is mended."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Annotated

import typer

from pipeline.errors import UsageError
from pipeline.rules.dead_letters import Wanted
from workers.dlq.asking import make_sure
from workers.dlq.filters import with_filters
from workers.dlq.found import looked_through, spans_for
from workers.dlq.originals import Originals
from workers.dlq.outcomes import Outcomes
from workers.dlq.replay import Progress, Replay, Target
from workers.history.reading import size_of
from workers.process.interrupts import keeping
from workers.services import kafka_topic, kafka_writer
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal

EXIT_REFUSED = 1
RATE = 50.0
"""Events a second: a part of what one worker decides, beside the live stream."""


@with_settings("kafka", "topics", "log")
@with_filters
def replay(
    settings: Settings,
    wanted: Wanted,
    to: Annotated[str | None, typer.Option(help="Send everything to this topic instead.")] = None,
    rate: Annotated[float, typer.Option(min=0.01, max=100_000, help="Most events a second.")] = RATE,
    again: Annotated[bool, typer.Option("--again", help="Also what these filters have replayed before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, though nothing narrows it down.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a dead letter.")] = False,
) -> int:
    """Send dead letters' events to the images topic again: the same key, value and headers.

    Each goes to the partition where it stood, and says which event it repeats, so that its answer has that event's
    id however often it is sent. What the same filters have replayed before is left out, unless --id names it or
    --again is given; how far they came is the offset of a consumer group, sluice-dlq-replay. An event that has
    failed after three replays is refused. Exit status 1: something was refused; each is named.
    """
    _check_goal(settings, to)
    if wanted.everything and not dry_run:
        question = f"Replay every dead letter of {settings.dead_letters_topic}?"
        make_sure(question, yes=yes, otherwise=", name a filter such as --reason, or look first with --dry-run")
    outcomes = Outcomes(Terminal(), dry_run=dry_run, as_json=as_json)
    _replay(settings, wanted, to, rate, outcomes, again=again)
    outcomes.sum_up()
    return EXIT_REFUSED if outcomes.refused else 0


def _check_goal(settings: Settings, to: str | None) -> None:
    """Raise `UsageError` for a topic that has something else in it than events."""
    held = {
        settings.dead_letters_topic: "dead letters are",
        settings.decisions_topic: "decisions are",
        settings.features_topic: "features are",
        settings.reviews_topic: "reviews are",
        settings.audited_on: "audit events are",
    }
    if to is not None and to in held:
        raise UsageError(f"{to} is where {held[to]}: name another topic with --to")


def _replay(
    settings: Settings, wanted: Wanted, to: str | None, rate: float, outcomes: Outcomes, *, again: bool
) -> None:
    with ExitStack() as held:
        topic = held.enter_context(closing(kafka_topic(settings, settings.dead_letters_topic)))
        originals = held.enter_context(closing(Originals(lambda name: kafka_topic(settings, name))))
        with closing(kafka_topic(settings, to or settings.images_topic)) as goal:
            target = Target(settings.images_topic, len(goal.spans()), to)
        writer = None if outcomes.dry_run else held.enter_context(closing(kafka_writer(settings)))
        progress = Progress.of(topic, wanted, to, again=again, keeps=not outcomes.dry_run)
        spans = spans_for(topic, wanted, progress.done)
        counter = held.enter_context(outcomes.terminal.counting("replaying", size_of(spans)))
        held.enter_context(keeping(lambda: f"interrupted: {outcomes}; the same command goes on from there"))
        replaying = Replay(target, originals, writer, rate, outcomes.add, progress.keep)
        for found in looked_through(topic, spans, counter.advance):
            replaying.take(found, meant=wanted.means(found.letter, found.record.timestamp))
        replaying.flush()
