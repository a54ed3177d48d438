"""Which policies are held, since they went over their limit: what they would block goes to review instead.

A policy stays held until its version changes or somebody releases it, however few it flags by then: it would flag few
while it is held for the same reason for which it flagged many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import msgspec

from pipeline.rules.judging import Judgement, severest_first
from pipeline.rules.limits.bound import beyond
from pipeline.rules.limits.counts import RECENT, Counted
from pipeline.rules.limits.repeats import Hashes, Views
from pipeline.rules.limits.standing import LATER, Standing, name_of
from pipeline.rules.limits.window import Window
from pipeline.rules.policies.policy_set import Limits, Policy
from pipeline.signals import Features, Signals
from pipeline.wire import HELD_NOTE, Match


@dataclass(frozen=True, slots=True)
class Over:
    """A policy that is held, and what it did."""

    policy: str
    version: str
    limits: Limits
    flagged: int
    images: int

    def __str__(self) -> str:
        return f"{self.policy} flagged {self.flagged:,} of {self.images:,} images, over its limit of {self.limits}"


class _Known:
    """What is known of one version of a policy."""

    def __init__(self, policy: Policy, limits: Limits) -> None:
        self.policy, self.limits = policy, limits
        self._anew()
        self.standing: Standing | None = None
        """None where it was neither held nor released."""

    @property
    def name(self) -> str:
        return name_of(self.policy.id, self.policy.version)

    @property
    def over(self) -> Over | None:
        if self.standing is None or not self.standing.held:
            return None
        return Over(self.policy.id, self.policy.version, self.limits, self.standing.flagged, self.standing.images)

    def stand(self, standing: Standing) -> None:
        """It is held or released from now on; who is released counts anew."""
        self.standing = standing
        self._anew()

    def counted(self, now: float) -> Counted:
        since = 0.0 if self.standing is None else self.standing.at
        recent = [view for at, view in self.recent if at > now - self.limits.per]
        return Counted(self.policy.id, self.limits, since, *self.window.counts(now), recent)

    def count(self, now: float, signals: Signals, *, flagged: bool) -> Over | None:
        """Count an image; what the policy did, where it went over its limit just now."""
        if (self.standing is not None and self.standing.held) or (
            flagged and not self.views.new(signals.features[0])
        ):
            return None
        self.window.add(now, 1, int(flagged))
        if not flagged:
            return None
        self.recent.append((now, signals.features[0].copy()))
        images, many = self.window.counts(now)
        if beyond(images, many, self.limits.rate):
            self.stand(Standing(round(now, 3), many, images))
        return self.over

    def _anew(self) -> None:
        self.window, self.views = Window(self.limits.per), Views()
        self.recent: deque[tuple[float, Features]] = deque(maxlen=RECENT)


class Holding:
    """Counts images, and says which policies are held. Its size goes with the policies that have limits."""

    def __init__(self) -> None:
        self._set = ""
        self._hashes = Hashes()
        self._known: dict[str, _Known] = {}
        self._past: dict[str, _Known] = {}
        """What was known of the set before, by name: a batch on its way may still be decided by it."""

    def follow(self, version: str, policies: Iterable[Policy]) -> None:
        """These policies are live now: what is known of their versions stays, from one set to the next and back."""
        if version == self._set:
            return
        before = {each.name: each for each in self._known.values()}
        known = {**self._past, **before}
        self._known, self._past = {}, before
        for policy in policies:
            if policy.limits is not None and policy.mode == "enforce":
                same = known.get(name_of(policy.id, policy.version))
                self._known[policy.id] = same or _Known(policy, policy.limits)
        self._set, self._hashes = version, Hashes()

    @property
    def limited(self) -> Collection[str]:
        """The policies that have a limit."""
        return self._known.keys()

    @property
    def held(self) -> Mapping[str, Over]:
        """The policies that are held, by their ids."""
        return {policy: each.over for policy, each in self._known.items() if each.over is not None}

    def count(self, now: float, content: str, signals: Signals, judgement: Judgement) -> list[Over]:
        """Count an image, by the hash of its content; the policies that went over their limit just now."""
        if not self._known or not self._hashes.new(content):
            return []
        flagging = {match.policy for match in judgement.matches}
        found = (each.count(now, signals, flagged=policy in flagging) for policy, each in self._known.items())
        return [over for over in found if over is not None]

    def release(self, policy: str, now: float) -> bool:
        """Let a policy block again, and count anew; whether it was held."""
        known = self._known.get(policy)
        if known is None or known.over is None:
            return False
        known.stand(Standing(round(now, 3)))
        return True

    def counted(self, now: float) -> dict[str, Counted]:
        """What was counted of each policy that is not held, as others know them; its views are not copied."""
        return {each.name: each.counted(now) for each in self._known.values() if each.over is None}

    def hold(self, name: str, since: float, standing: Standing) -> Over | None:
        """Hold a policy by what others saw, too; None where it was held or released `since` those were counted."""
        known = next((each for each in self._known.values() if each.name == name), None)
        if known is None or since != (0.0 if known.standing is None else known.standing.at):
            return None
        known.stand(standing)
        return known.over

    @property
    def names(self) -> list[str]:
        """Of the policies that have a limit, as others know their standings."""
        return [each.name for each in self._known.values()]

    def compared(self, others: Mapping[str, Standing], now: float) -> dict[str, Standing]:
        """Take up what others say of these policies where that is later; the rest is what they are to be told."""
        told: dict[str, Standing] = {}
        for each in self._known.values():
            mine, other = each.standing, others.get(each.name)
            if other is not None and other.at <= now + LATER and (mine is None or mine.at < other.at):
                each.stand(other)
            elif mine is not None and mine != other:
                told[each.name] = mine
        return told


def held_back(judgement: Judgement, held: Mapping[str, Over]) -> Judgement:
    """The judgement with every block of these policies made a review; the match says what it was."""
    if not any(match.action == "block" and match.policy in held for match in judgement.matches):
        return judgement
    matches = [_milder(match) if match.policy in held else match for match in judgement.matches]
    return replace(judgement, matches=sorted(matches, key=severest_first))


def notes_of(judgement: Judgement, held: Mapping[str, Over]) -> list[str]:
    """What the decision's notes say of each policy that was held back in it."""
    return [
        f"{match.policy}{HELD_NOTE}{held[match.policy].limits}: block became review"
        for match in judgement.matches
        if match.judged and match.policy in held
    ]


def _milder(match: Match) -> Match:
    if match.action != "block":
        return match
    return msgspec.structs.replace(match, action="review", judged=match.action)
