"""What is measured of a rule: of how many that do no harm it says something, and of how many that do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.lint.folder import Folder
from pipeline.lab.lint.registry import RULES
from pipeline.rules.wilson import wilson

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Share:
    """How many of some a rule told something of."""

    of: str
    """What they are, in a few words."""
    told: int
    among: int

    def __str__(self) -> str:
        if not self.among:
            return f"none of {self.of} to measure by"
        low, high = wilson(self.told, self.among)
        share = f"{self.told / self.among:.1%} ({low:.1%} to {high:.1%})"
        return f"{share} of {self.among:,} {self.of}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One rule's false alarms and catches."""

    rule: str
    harmless: Share
    harmful: Share


def figure(rule: str, told: Flags, harmless: tuple[str, Flags], harmful: tuple[str, Flags]) -> Figure:
    """`told` says of each case whether the rule told something of it."""
    shares = [Share(of, int((told & cases).sum()), int(cases.sum())) for of, cases in (harmless, harmful)]
    return Figure(rule, *shares)


def told_of(rule: str, folder: Folder, policies: Iterable[str]) -> Flags:
    """``bool[N]``: of which of these policies the rule tells something."""
    (found,) = [each for each in RULES if each.name == rule]
    told = {finding.policy for finding in found.look(folder)}
    return np.array([policy in told for policy in policies], bool)
