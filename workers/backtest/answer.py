"""A backtest from the files of policies to its record, and what reviews say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.archive.archive import Archive, Segment
from pipeline.lab.backtest.engine import Question
from pipeline.lab.backtest.record import Asked, Record
from pipeline.lab.backtest.reviewed import population
from pipeline.lab.reviews.found import look_up
from pipeline.lab.reviews.reviewed import Reviewed
from pipeline.ports import EncoderSpec
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.list_entries import pdq_of_the_past
from pipeline.rules.reviews.settled import settle
from pipeline.rules.times import Window
from workers import assembly
from workers.archive.opening import segments_in
from workers.archive.shards import Shard, share_of
from workers.backtest.asked import question
from workers.backtest.run import bytes_of, run
from workers.settings import Settings
from workers.terminal.console import Terminal


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged by, against what, and over which part of the archive."""

    policies: Path
    against: Path | None
    """None for what was decided."""
    window: Window
    part: Shard | None
    nearest: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The record, the one policy that was asked about, if it was one, and what reviews say; nothing of a part."""

    record: Record
    only: str | None
    reviews: Mapping[str, Reviewed]


def answered(settings: Settings, archive: Archive, subject: Subject) -> Answer:
    """Load the model, and judge. Raises `PolicyError`, `ModelError`, and `ServiceError` where nothing is there."""
    terminal, window = Terminal(), subject.window
    segments = segments_in(archive, window)
    with terminal.status("loading the model and the policies"):
        encoder = assembly.load_encoder(settings, spread=True)
        decoder = assembly.decoder_here(settings, encoder.spec)
        asking = question(
            subject.policies, subject.against, encoder, decoder, assembly.text_cache(settings), subject.nearest
        )
    if left_out := pdq_of_the_past(*(compiled.policy_set for compiled in asking.sets)):
        terminal.note(f"sluice: {left_out}")
    preprocess = assembly.preprocess_of(settings, encoder.spec)
    asked = _asked(subject, asking, encoder.spec, preprocess, archive.store.address)
    screen = assembly.screen(settings, asking.sets)
    with terminal.counting("judging, bytes", bytes_of(share_of(segments, subject.part))) as counter:
        record = run(archive, segments, asking, asked, window, subject.part, counter.advance, screen)
    reviews = {} if subject.part else _reviewed(archive, segments, window, asking.now, record)
    return Answer(record, asking.only, reviews)


def _asked(subject: Subject, asking: Question, spec: EncoderSpec, preprocess: str, archive: str) -> Asked:
    return Asked(
        archive=archive,
        since=_time(subject.window.since),
        until=_time(subject.window.until),
        model=spec.name,
        fingerprint=spec.fingerprint,
        preprocess=preprocess,
        policies=str(subject.policies),
        policy_set=asking.now.policy_set.version,
        against=None if subject.against is None else str(subject.against),
        against_set=asking.before.policy_set.version if asking.before else "",
        nearest=asking.nearest,
    )


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _reviewed(
    archive: Archive, segments: Sequence[Segment], window: Window, compiled: CompiledPolicies, record: Record
) -> Mapping[str, Reviewed]:
    """What the archive's reviews say of the policies that were judged; empty where it keeps none."""
    reviews = settle(archive.reviews(Window(window.since)))  # given after the decision, however late
    judged = [each for each in record.policies if each.judged and each.policy in compiled.ids]
    populations = {each.policy: population(each) for each in judged if each.policy in reviews}
    made_by = record.asked.fingerprint, record.asked.preprocess
    fitting = [each for each in segments if (each.name.group.fingerprint, each.name.group.preprocess) == made_by]
    return look_up(archive, fitting, window, compiled, reviews, populations) if populations else {}
