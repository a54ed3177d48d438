"""A policy's own tests: the samples that it must flag and those that it must pass, judged by the real path."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event as Flag

from pipeline.adapters.local.files import FileFetcher, FileSource, file_id
from pipeline.ports import Hooks
from pipeline.rules.policies.policy_set import Policy, PolicySet
from pipeline.wire import Answer, Decided, dead_letter
from workers import assembly
from workers.policies.samples import no_file
from workers.settings import Settings


@dataclass(frozen=True)
class Trial:
    """One sample of one policy, and what came of it; ``score`` is None where the sample could not be read."""

    policy: str
    sample: str
    must_flag: bool
    score: float | None
    threshold: float
    problem: str = ""
    named_at: str = ""
    """The file and line that name the sample."""

    @property
    def passed(self) -> bool:
        """Whether the sample could be read, and was flagged exactly if it must be."""
        return self.score is not None and (self.score >= self.threshold) == self.must_flag

    def __str__(self) -> str:
        wanted = "at least" if self.must_flag else "below"
        found = f"scores {self.score:.3f}" if self.score is not None else self.problem
        named_at = f" ({self.named_at})" if self.named_at else ""
        return f"{self.policy}: {self.sample} {found}, wanted {wanted} {self.threshold:g}{named_at}"

    def as_json(self) -> dict[str, object]:
        """What ``sluice policy test --json`` prints; `named_at` is its ``place``."""
        fields = asdict(self)
        place = fields.pop("named_at")
        return {**fields, "place": place, "passed": self.passed}


class _Kept(Hooks):
    """A publisher that keeps the scores of images by their ids, and what was wrong with unreadable ones."""

    def __init__(self) -> None:
        self.scores: dict[str, dict[str, float]] = {}
        self.problems: dict[str, str] = {}

    def publish(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            if isinstance(answer, Decided):
                self.scores[answer.decision.image_id] = answer.decision.scores
            else:
                letter = dead_letter(answer)
                self.problems[letter.image_id] = letter.message

    def close(self) -> None:
        """There is nothing to free."""


def run_policy_tests(settings: Settings, judge: assembly.Judge) -> list[Trial]:
    """Judge every sample once, and hold it against each policy that names it."""
    policies = judge.live().policies
    names = {name for policy in policies for name in (*policy.must_flag, *policy.must_pass)}
    # What is no file, such as a pipe, is not waited for.
    paths = {settings.policies / name for name in names if no_file(settings.policies / name) is None}
    kept, done = _Kept(), Flag()
    source = FileSource(sorted(paths), done, time.monotonic)
    with assembly.moderator(settings, judge, source, kept, FileFetcher(), kept, in_order=True) as moderator:
        moderator.run(done)
    return [
        _trial(policy, settings.policies, sample, kept, must_flag=must_flag)
        for policy in policies
        for samples, must_flag in ((policy.must_flag, True), (policy.must_pass, False))
        for sample in samples
    ]


def untested(policy_set: PolicySet) -> list[str]:
    """A line for each reason why no sample is judged for some policies, with their ids."""
    active = [policy.id for policy in policy_set.active if not (policy.must_flag or policy.must_pass)]
    off = [policy.id for policy in policy_set.policies if policy.mode == "off"]
    said = {"without tests": active, "off, and not tested": off}
    return [f"{why}: {', '.join(ids)}" for why, ids in said.items() if ids]


def _trial(policy: Policy, folder: Path, sample: str, kept: _Kept, *, must_flag: bool) -> Trial:
    image = file_id(folder / sample)
    score = kept.scores.get(image, {}).get(policy.id)
    where = policy.samples.get(sample)
    named_at = f"{where.file}:{where.line}" if where else ""
    problem = kept.problems.get(image, "") or no_file(folder / sample) or ""
    return Trial(policy.id, sample, must_flag, score, policy.lowest, problem, named_at)
