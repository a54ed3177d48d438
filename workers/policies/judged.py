"""Samples put through the very path that moderates a stream, and the answers to them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from threading import Event as Flag

from pipeline.adapters.local.files import FileFetcher, FileSource
from pipeline.ports import Hooks, Source
from pipeline.wire import Answer, DeadLetter, Decided, Decision, dead_letter
from workers import assembly
from workers.policies.samples import no_file
from workers.settings import Settings


class Kept(Hooks):
    """A publisher that keeps every answer by its image's id."""

    def __init__(self) -> None:
        self.decisions: dict[str, Decision] = {}
        self.letters: dict[str, DeadLetter] = {}

    def publish(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            if isinstance(answer, Decided):
                self.decisions[answer.decision.image_id] = answer.decision
            else:
                letter = dead_letter(answer)
                self.letters[letter.image_id] = letter

    def close(self) -> None:
        """There is nothing to free."""


def judge_samples(settings: Settings, judge: assembly.Judge, names: Iterable[str]) -> Kept:
    """Judge samples by their names in the policy folder. What is no file, such as a pipe, is not waited for."""
    paths = {settings.policies / name for name in names if no_file(settings.policies / name) is None}
    kept, done = Kept(), Flag()
    put_through(settings, judge, FileSource(sorted(paths), done, time.monotonic), kept, done)
    return kept


def put_through(settings: Settings, judge: assembly.Judge, source: Source, publisher: Kept, done: Flag) -> None:
    """Let the very path that moderates a stream judge all that the source has, until `done`."""
    with assembly.moderator(settings, judge, source, publisher, FileFetcher(), publisher, in_order=True) as moderator:
        moderator.run(done)
