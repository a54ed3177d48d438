"""A whole drill as a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.lab.evasion.attempts import Attempt, Tally, by_trick
from pipeline.lab.evasion.trick import Trick
from pipeline.lab.evasion.words import percent
from pipeline.ports import EncoderSpec

ALL_TRICKS = "all tricks"


@dataclass(frozen=True)
class NotDrilled:
    """A sample with which no trick was played, and why."""

    policy: str
    sample: str
    must_flag: bool
    problem: str
    named_at: str

    def __str__(self) -> str:
        named_at = f" ({self.named_at})" if self.named_at else ""
        return f"{self.policy}: {self.sample} {self.problem}{named_at}"


class _Halves:
    attempts: Sequence[Attempt]

    @cached_property
    def flags(self) -> Tally:
        """Of the samples that must be flagged."""
        return Tally([each for each in self.attempts if each.sample.must_flag])

    @cached_property
    def harmless(self) -> Tally:
        """Of the samples that must pass, where they were drilled."""
        return Tally([each for each in self.attempts if not each.sample.must_flag])


@dataclass(frozen=True)
class PolicyDrill(_Halves):
    """What came of one policy's samples."""

    policy: str
    attempts: Sequence[Attempt]

    @cached_property
    def tricks(self) -> dict[str, Tally]:
        """Of the samples that it must flag, by trick, the weakest defence first."""
        return by_trick(self.flags.attempts)

    @property
    def samples(self) -> int:
        return len({each.sample.name for each in self.flags.attempts})

    def held_to(self, *, each: bool) -> dict[str, Tally]:
        """What must be flagged often enough: all tricks together and, with `each`, every single one, by name."""
        return {ALL_TRICKS: self.flags} | (self.tricks if each else {})

    @property
    def weakest(self) -> tuple[str, Tally] | None:
        """The trick that hides most; None where none was judged."""
        first = next(iter(self.tricks.items()), None)
        return first if first and first[1].judged else None


@dataclass(frozen=True)
class Record(_Halves):
    """All attempts of one run, and what they were made with."""

    seed: int
    model: EncoderSpec
    preprocess: str
    policy_set: str
    tricks: Sequence[Trick]
    attempts: Sequence[Attempt]
    not_drilled: Sequence[NotDrilled]

    @cached_property
    def policies(self) -> list[PolicyDrill]:
        """In the order of their ids."""
        grouped: dict[str, list[Attempt]] = {}
        for each in self.attempts:
            grouped.setdefault(each.sample.policy, []).append(each)
        return [PolicyDrill(policy, grouped[policy]) for policy in sorted(grouped)]

    def below(self, share: float, *, each: bool) -> list[str]:
        """What is flagged less often than that: policies and, where `each` trick must hold, tricks of policies."""
        return [
            f"{policy.policy}, {name}: {percent(tally.flagged)} still flagged, wanted at least {percent(share)}"
            for policy in self.policies
            for name, tally in policy.held_to(each=each).items()
            if tally.falls_below(share)
        ]

    @property
    def in_words(self) -> str:
        """What was drilled, and what came of it, in a sentence."""
        samples = sum(policy.samples for policy in self.policies)
        of = f"{_many(samples, 'sample')}, {_many(len(self.tricks), 'trick')}"
        return (
            f"{of}, {_many(len(self.flags.attempts), 'picture')}, seed {self.seed}: "
            f"{percent(self.flags.flagged)} still flagged, {percent(self.flags.kept)} as severely as untouched"
        )

    @property
    def dead_letters(self) -> list[str]:
        """A line for each trick and reason for which pictures became dead letters."""
        dead = Counter((each.trick, each.dead_letter.partition(":")[0]) for each in self.attempts if each.dead_letter)
        return [
            f"{trick}: {count} became dead letters ({reason}), neither passed nor flagged"
            for (trick, reason), count in dead.items()
        ]


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
