"""A policy's own tests: the samples that it must flag and those that it must pass, judged by the real path."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.adapters.local.files import file_id
from pipeline.rules.policies.policy_set import Policy, PolicySet
from workers import assembly
from workers.policies.judged import Kept, judge_samples
from workers.policies.junit import Case
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

    def as_case(self) -> Case:
        """What ``sluice policy test --junit`` writes."""
        name = f"{'must_flag' if self.must_flag else 'must_pass'} {self.sample}"
        if self.score is None:
            return Case(self.policy, name, str(self), self.problem, "unreadable", unread=True)
        return Case(self.policy, name, "" if self.passed else str(self))

    def as_json(self) -> dict[str, object]:
        """What ``sluice policy test --json`` prints; `named_at` is its ``place``."""
        fields = asdict(self)
        place = fields.pop("named_at")
        return {**fields, "place": place, "passed": self.passed}


def run_policy_tests(settings: Settings, judge: assembly.Judge) -> list[Trial]:
    """Judge every sample once, and hold it against each policy that names it."""
    policies = judge.live().policies
    names = {name for policy in policies for name in (*policy.must_flag, *policy.must_pass)}
    kept = judge_samples(settings, judge, names)
    return [trial for policy in policies for trial in trials_of(policy, settings.policies, kept)]


def trials_of(policy: Policy, folder: Path, kept: Kept) -> list[Trial]:
    """What came of one policy's samples, as the answers that were kept say."""
    return [
        _trial(policy, folder, sample, kept, must_flag=must_flag)
        for samples, must_flag in ((policy.must_flag, True), (policy.must_pass, False))
        for sample in samples
    ]


def untested(policy_set: PolicySet) -> list[str]:
    """A line for each reason why no sample is judged for some policies, with their ids."""
    active = [policy.id for policy in policy_set.active if not (policy.must_flag or policy.must_pass)]
    off = [policy.id for policy in policy_set.policies if policy.mode == "off"]
    said = {"without tests": active, "off, and not tested": off}
    return [f"{why}: {', '.join(ids)}" for why, ids in said.items() if ids]


def _trial(policy: Policy, folder: Path, sample: str, kept: Kept, *, must_flag: bool) -> Trial:
    image = file_id(folder / sample)
    decision, letter = kept.decisions.get(image), kept.letters.get(image)
    score = decision.scores.get(policy.id) if decision else None
    where = policy.samples.get(("must_flag" if must_flag else "must_pass", sample))
    named_at = f"{where.file}:{where.line}" if where else ""
    problem = letter.message if letter else no_file(folder / sample) or ""
    return Trial(policy.id, sample, must_flag, score, policy.lowest, problem, named_at)
