"""What lint finds, and the rules that find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.lab.lint.folder import Folder
from pipeline.rules.policies.policy_set import Location


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is worth a second look, where it stands, and what to do about it."""

    policy: str
    where: Location
    about: str
    """The sentence, or the action, that is meant."""
    reason: str
    remedy: str

    def __str__(self) -> str:
        return str(self.where.problem(f"{self.reason}; {self.remedy}"))


Look = Callable[[Folder], Iterator[Finding]]
"""A rule looks at a folder and gives what it finds, in the order of the files."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule by its name, with what it says in general."""

    name: str
    look: Look
    says: str
    note: bool = False
    """Whether what it finds does no harm, and is only worth knowing."""
