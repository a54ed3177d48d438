"""Drilling policies: tricks are played with their samples, and the path that moderates judges what comes of it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Event as Flag

from PIL import Image

from pipeline.adapters.local.files import file_id
from pipeline.adapters.memory import GivenSource
from pipeline.disk import read_file
from pipeline.disk.read import MOST_BYTES
from pipeline.lab.evasion.attempts import Attempt, Sample, action_of
from pipeline.lab.evasion.opening import shown
from pipeline.lab.evasion.record import NotDrilled
from pipeline.lab.evasion.trick import Trick
from pipeline.rules.policies.policy_set import Policy
from pipeline.wire import Answer, Decision, Event, PromptEvidence
from workers import assembly
from workers.policies.samples import Kept, judge_samples, put_through
from workers.policies.tests import Trial, trial_of
from workers.settings import Settings

DRILL_TOPIC = "drill"
_AHEAD = 4
"""Files made ahead of the path, for each thread that makes them."""
_WAIT = 0.01
"""Seconds to wait for a file that is still being made, before the loop is let go on."""


@dataclass(frozen=True)
class Drilled:
    """A sample with the picture that tricks are played with."""

    sample: Sample
    policy: Policy
    picture: Image.Image
    others: tuple[Image.Image, ...]
    """Harmless pictures: the samples that the policy must pass, without this one."""
    seed: str

    def played(self, trick: Trick, strength: float) -> bytes:
        """The image file that the trick makes of it."""
        return trick.apply(self.picture, self.others, strength, self.seed)


@dataclass(frozen=True)
class Ready:
    """What there is to drill, and the samples that cannot be: unread, or not coming out untouched as they must."""

    drilled: Sequence[Drilled]
    not_drilled: Sequence[NotDrilled]


def prepare(settings: Settings, judge: assembly.Judge, policies: Sequence[Policy], seed: int) -> Ready:
    """Judge the samples untouched, as ``sluice policy test`` does, and open those that come out as they must."""
    names = {name for policy in policies for name in (*policy.must_flag, *policy.must_pass)}
    kept = judge_samples(settings, judge, names)
    drilled: list[Drilled] = []
    not_drilled: list[NotDrilled] = []
    for policy in policies:
        found, failed = _of(policy, settings.policies, kept, seed)
        drilled += found
        not_drilled += failed
    return Ready(drilled, not_drilled)


def _of(policy: Policy, folder: Path, kept: Kept, seed: int) -> tuple[list[Drilled], list[NotDrilled]]:
    trials = [
        trial_of(policy, folder, sample, kept, must_flag=must_flag)
        for samples, must_flag in ((policy.must_flag, True), (policy.must_pass, False))
        for sample in samples
    ]
    passed = [trial for trial in trials if trial.passed]
    opened = {
        trial.sample: _opened(folder / trial.sample, policy.id, kept.decisions[file_id(folder / trial.sample)])
        for trial in passed
    }
    harmless = {trial.sample: opened[trial.sample][0] for trial in passed if not trial.must_flag}
    drilled = [_drilled(trial, policy, opened[trial.sample], harmless, seed) for trial in passed]
    return drilled, [_not_drilled(trial) for trial in trials if not trial.passed]


def _not_drilled(trial: Trial) -> NotDrilled:
    wanted = f"at least {trial.threshold:g}" if trial.must_flag else f"below {trial.threshold:g}"
    problem = trial.problem or f"scores {trial.score:.3f} untouched, wanted {wanted}"
    return NotDrilled(trial.policy, trial.sample, trial.must_flag, problem, trial.named_at)


def _drilled(
    trial: Trial, policy: Policy, opened: tuple[Image.Image, str], harmless: dict[str, Image.Image], seed: int
) -> Drilled:
    picture, digest = opened
    score = trial.score or 0.0
    others = tuple(other for name, other in harmless.items() if name != trial.sample)
    sample = Sample(
        policy.id, trial.sample, trial.must_flag, score, action_of(policy, score), named_at=trial.named_at
    )
    return Drilled(sample, policy, picture, others, f"{seed}/{policy.id}/{digest}")


def _opened(path: Path, policy: str, decision: Decision) -> tuple[Image.Image, str]:
    """The frame that scored highest for the policy, and the hash of the file."""
    image = read_file(str(path), MOST_BYTES)
    matches = [match for match in (*decision.matches, *decision.shadow) if match.policy == policy]
    views = [match.evidence.view for match in matches if isinstance(match.evidence, PromptEvidence)]
    return shown(image, views[0].frame if views else 0), sha256(image).hexdigest()


@dataclass(frozen=True)
class Play:
    """One trick at one strength, to be played with one sample."""

    drilled: Drilled
    trick: Trick
    strength: float

    def make(self) -> bytes:
        return self.drilled.played(self.trick, self.strength)


def plays(drilled: Iterable[Drilled], tricks: Sequence[Trick]) -> list[Play]:
    return [Play(each, trick, strength) for each in drilled for trick in tricks for strength in trick.strengths]


def run_drill(
    settings: Settings, judge: assembly.Judge, every: Sequence[Play], advance: Callable[[int], object]
) -> list[Attempt]:
    """Play all tricks and judge what comes of them; files are made on threads of their own, ahead of the path.

    `advance` is told how many were judged since its last call.
    """
    kept, done = _Counted(advance), Flag()
    with ThreadPoolExecutor(settings.cores, "trick") as pool:
        source = GivenSource(_made(every, pool, _AHEAD * settings.cores), done, time.monotonic)
        put_through(settings, judge, source, kept, done)
    return [_attempt(play, str(number), kept) for number, play in enumerate(every)]


class _Counted(Kept):
    def __init__(self, advance: Callable[[int], object]) -> None:
        super().__init__()
        self._advance = advance

    def publish(self, answers: Sequence[Answer]) -> None:
        super().publish(answers)
        self._advance(len(answers))


def _made(every: Sequence[Play], pool: ThreadPoolExecutor, ahead: int) -> Iterator[Event | None]:
    """An event for each play, in order, whose key is its index; None while the next is being made."""
    waiting: deque[Future[bytes]] = deque()
    started = 0
    for number in range(len(every)):
        while started < min(number + ahead, len(every)):
            waiting.append(pool.submit(every[started].make))
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
