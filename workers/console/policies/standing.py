"""How each policy stands: what its file says, what the workers say, and what has streamed by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.adapters.local.policy_folder import look_at, policies_in
from pipeline.errors import PolicyError, Problem
from pipeline.rules.policies.policy_set import Policy
from workers.console.console import Console
from workers.console.policies.holding import holding

HOUR, MINUTE = 3600.0, 60.0


@dataclass(frozen=True)
class Standing:
    """A policy of the folder."""

    policy: Policy
    states: Sequence[str]
    """In words, the one that matters most first."""
    matches: int
    """In the last hour, as far as this console has seen it."""


@dataclass(frozen=True)
class Folder:
    """The folder, and whether workers decide by what is in it."""

    path: Path
    problems: Sequence[Problem]
    version: str
    """Of the set that its files make; empty where they make none."""
    live: Sequence[str]
    """The versions by which workers decide; empty where none tells."""
    standings: Sequence[Standing]
    """Of the policies that can be read, also where another file is broken."""
    answers: int
    """Decisions of the last hour that this console has seen."""

    @property
    def waits(self) -> bool:
        """Whether some worker decides by another set than the folder's."""
        return _taken_up(self.version, self.live) == "waits"

    def states_of(self, policy: str) -> Sequence[str]:
        """How that policy stands; nothing where the folder has none of that name, or its file is broken."""
        return next((each.states for each in self.standings if each.policy.id == policy), ())


def folder_of(console: Console, now: float) -> Folder:
    """What there is to say of the folder now; a folder that does not hold says why."""
    path, problems = console.settings.policies, list[Problem]()
    try:
        policy_set = policies_in(path)
    except PolicyError as error:
        problems, policy_set = list(error.problems), holding(look_at(path)).policy_set
    version = "" if problems else policy_set.version
    counts, live, held = _counted(console, now), list(_live(console)), _held(console)
    taken_up = _taken_up(version, live)
    standings = [
        Standing(policy, list(_states(policy, taken_up, held=policy.id in held)), counts["policy", policy.id])
        for policy in policy_set.policies
    ]
    answers = sum(count for (kind, _), count in counts.items() if kind == "verdict")
    return Folder(path, problems, version, live, standings, answers)


def _taken_up(version: str, live: Sequence[str]) -> str:
    """Whether workers decide by the files: `live`, `waits`, or `unknown` where none tells by which set it does."""
    if not (version and live):
        return "unknown"
    return "waits" if any(each != version for each in live) else "live"


def _states(policy: Policy, taken_up: str, *, held: bool) -> Iterator[str]:
    if held:
        yield "held"
    if policy.mode == "enforce" or taken_up != "live":
        yield taken_up
    if policy.mode != "enforce":
        yield policy.mode
    if policy.calibrated is not None and policy.calibrated.unproven:
        yield "unproven"


def _counted(console: Console, now: float) -> Counter[tuple[str, str]]:
    """Matches in either mode, and verdicts, of the last hour."""
    steps, _ = console.feed.steps(HOUR)
    total: Counter[tuple[str, str]] = Counter()
    for step in steps.since(now - HOUR):
        for (kind, name), count in step.counts.items():
            total["policy" if kind == "shadow" else kind, name] += count
    return total


def _live(console: Console) -> Iterator[str]:
    """By what workers say of themselves, else by the newest decision."""
    there = [each.last for each in console.fleet.processes if each.away_since is None]
    told = {version for page in there for version in page.by("sluice_policy_set_info", "version")}
    if told:
        yield from sorted(told)
        return
    newest = next((each.said for each in console.feed.newest(1, lambda each: each.verdict != "dead letter")), None)
    if newest is not None and hasattr(newest, "policy_set"):
        yield newest.policy_set


def _held(console: Console) -> set[str]:
    pages = [each.last.by("sluice_policy_held", "policy") for each in console.fleet.processes]
    return {policy for page in pages for policy, held in page.items() if held}
