"""Drilling policies: tricks are played with their samples, and the path that moderates judges what comes of it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event as Flag

from pipeline.adapters.memory import GivenSource
from pipeline.lab.evasion.attempts import Attempt, action_of
from pipeline.lab.evasion.record import Record
from pipeline.lab.evasion.trick import Trick
from pipeline.wire import Answer, Event
from workers import assembly
from workers.policies.drill_samples import Play, Ready
from workers.policies.judged import Kept, put_through
from workers.settings import Settings

DRILL_TOPIC = "drill"
_AHEAD = 4
"""Files made ahead of the path, for each thread that makes them."""
_WAIT = 0.01
"""Seconds to wait for a file that is still being made, before the moderator's loop goes on."""


def run_drill(
    settings: Settings,
    judge: assembly.Judge,
    ready: Ready,
    tricks: Sequence[Trick],
    advance: Callable[[int], object],
) -> Record:
    """Play all tricks and judge what comes of them; files are made on threads of their own, ahead of the path.

    `advance` is told how many were judged since its last call.
    """
    plays, kept, done = ready.plays(tricks), _Counted(advance), Flag()
    with ThreadPoolExecutor(settings.cores, "trick") as pool:
        source = GivenSource(_events(plays, pool, _AHEAD * settings.cores), done, time.monotonic)
        put_through(settings, judge, source, kept, done)
    return Record(
        ready.seed,
        judge.model.encoder.spec,
        judge.model.decoder.name,
        judge.live().policy_set.version,
        tricks,
        [_attempt(play, str(number), kept) for number, play in enumerate(plays)],
        ready.not_drilled,
    )


class _Counted(Kept):
    def __init__(self, advance: Callable[[int], object]) -> None:
        super().__init__()
        self._advance = advance

    def publish(self, answers: Sequence[Answer]) -> None:
        super().publish(answers)
        self._advance(len(answers))


def _events(plays: Sequence[Play], pool: ThreadPoolExecutor, ahead: int) -> Iterator[Event | None]:
    """An event for each play, in order, whose key is its index; None while the next is being made."""
    waiting: deque[Future[bytes]] = deque()
    started = 0
    for number in range(len(plays)):
        while started < min(number + ahead, len(plays)):
            waiting.append(pool.submit(plays[started].make))
            started += 1
        made = waiting.popleft()
        while (image := _within(made, _WAIT)) is None:
            yield None
        yield Event(DRILL_TOPIC, 0, number, str(number).encode(), image)


def _within(made: Future[bytes], seconds: float) -> bytes | None:
    try:
        return made.result(seconds)
    except TimeoutError:
        return None


def _attempt(play: Play, image_id: str, kept: Kept) -> Attempt:
    sample, policy = play.drilled.sample, play.drilled.policy
    if (letter := kept.letters.get(image_id)) is not None:
        dead = f"{letter.reason}: {letter.message}"
        return Attempt(sample, play.trick.name, play.strength, None, None, dead)
    score = kept.decisions[image_id].scores[policy.id]
    return Attempt(sample, play.trick.name, play.strength, score, action_of(policy, score))
