"""Policies as values, and the versions that name exactly what a decision was made by."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from pipeline.errors import Problem
from pipeline.rules.alike import ALIKE
from pipeline.wire import Action

if TYPE_CHECKING:  # numpy, which whoever only reads policies does not pay for
    from pipeline.rules.known.entries import Entries

Mode = Literal["enforce", "shadow", "off"]

VERSION_DIGITS = 12
TOO_CLOSE = 0.9


@dataclass(frozen=True)
class Defaults:
    """What the policies of one folder share.

    ``too_close`` is a cosine of text features: a background entry at least that close to one of a policy's own
    prompts is left out for that policy, or "knife" in the background would cancel a policy on knives.
    """

    templates: tuple[str, ...] = ("a photo of {}.", "a picture of {}.", "{}")
    background: tuple[str, ...] = ()
    too_close: float = TOO_CLOSE
    thin: bool = False
    """Whether the folder says ``allow_thin_background``, and is taken with one that is too thin."""
    shipped: bool = field(default=False, compare=False)
    """Whether the background is the one that ships with Sluice, which is known to be broad enough."""
    where: Location | None = field(default=None, compare=False, repr=False)
    """Where the folder names its background, or would name it."""
    background_file: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Location:
    """Where something stands in a file, for problems with it that are found after the file was read."""

    file: str
    line: int = 0

    def problem(self, reason: str) -> Problem:
        return Problem(self.file, self.line, reason)


@dataclass(frozen=True, slots=True)
class Limits:
    """Which share of the images a policy may flag, and within how many seconds that is counted."""

    rate: float
    per: float

    def __str__(self) -> str:
        return f"{self.rate:.9%}".rstrip("%").rstrip("0").rstrip(".") + f"% per {_period(self.per)}"


@dataclass(frozen=True, slots=True)
class Named:
    """Another policy that a policy names, and where it does."""

    id: str
    where: Location = field(default=Location(""), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CalibratedFor:
    """The model that a policy's thresholds were set for. The name is for people; the fingerprint identifies it."""

    model: str
    fingerprint: str
    unproven: bool = False
    """Whether they are a best guess, from fewer images than it takes to show that they do what was asked."""

    def __str__(self) -> str:
        return f"{self.model}@{self.fingerprint}{', unproven' if self.unproven else ''}"


@dataclass(frozen=True, slots=True)
class AssetName:
    """A file beside a policy, by its path relative to the policy folder, and the sha256 of its content."""

    path: str
    sha256: str
    where: Location = field(compare=False, repr=False)
    """Where the policy names it."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Pictures that match a policy, and pictures that look like them and do not."""

    match: tuple[AssetName, ...] = ()
    look_alike: tuple[AssetName, ...] = ()

    @property
    def pictures(self) -> tuple[AssetName, ...]:
        return self.match + self.look_alike

    @property
    def digests(self) -> dict[str, list[str]]:
        """By the names of the lists, the sha256 of what is in them: neither order nor names affect scores."""
        lists = {"match": self.match, "look_alike": self.look_alike}
        return {key: sorted(asset.sha256 for asset in assets) for key, assets in lists.items()}


@dataclass(frozen=True, slots=True)
class KnownList:
    """A CSV file of hashes beside a policy, and what stands in it."""

    name: AssetName
    entries: Entries = field(compare=False, repr=False)

    def problem(self, entry: int, reason: str) -> Problem:
        """What is wrong with an entry, by its index."""
        file = "/".join([*self.name.where.file.split("/")[:-1], self.name.path])
        return Problem(file, int(self.entries.lines[entry]), reason)


@dataclass(frozen=True, slots=True)
class Lists:
    """Known pictures: lists of hashes, and pictures themselves, which mean what looks like them."""

    block: tuple[KnownList, ...] = ()
    allow: tuple[KnownList, ...] = ()
    block_pictures: tuple[AssetName, ...] = ()
    allow_pictures: tuple[AssetName, ...] = ()
    alike: float = ALIKE
    """The cosine from which on a view looks like one of a picture."""

    @property
    def pictures(self) -> tuple[AssetName, ...]:
        return self.block_pictures + self.allow_pictures

    @property
    def allows(self) -> bool:
        """Whether some picture is none of the policy's, whatever its prompts say."""
        return bool(self.allow or self.allow_pictures)

    @property
    def hashed(self) -> tuple[KnownList, ...]:
        return self.block + self.allow

    @property
    def digests(self) -> dict[str, list[str] | float]:
        """The sha256 of what is in them: neither order nor names affect scores."""
        sides: dict[str, tuple[AssetName, ...]] = {
            "block": tuple(each.name for each in self.block) + self.block_pictures,
            "allow": tuple(each.name for each in self.allow) + self.allow_pictures,
        }
        found: dict[str, list[str] | float] = {
            side: sorted(name.sha256 for name in names) for side, names in sides.items()
        }
        return {**found, "alike": self.alike} if self.pictures else found

    def __bool__(self) -> bool:
        return bool(self.hashed or self.pictures)


@dataclass(frozen=True)
class Policy:
    """One policy file. ``actions`` maps an action to the least score for it; ``must_*`` are paths of samples."""

    id: str
    title: str
    prompts: tuple[str, ...]
    actions: Mapping[Action, float]
    unless: tuple[str, ...] = ()
    mode: Mode = "enforce"
    description: str = ""
    owner: str = ""
    must_flag: tuple[str, ...] = ()
    must_pass: tuple[str, ...] = ()
    examples: Examples = Examples()
    lists: Lists = Lists()
    calibrated: CalibratedFor | None = None
    """None where the thresholds were set by hand."""
    limits: Limits | None = None
    """None where it may flag whatever it does."""
    shadow_of: Named | None = None
    """The live policy that this one, in mode shadow, is compared with."""
    version: str = field(default="", compare=False)
    where: Location | None = field(default=None, compare=False, repr=False)
    """Where its prompts stand."""
    samples: Mapping[tuple[str, str], Location] = field(default_factory=dict, compare=False, repr=False)
    """Where each sample stands, by its list's key and its name."""

    @property
    def pictures(self) -> tuple[AssetName, ...]:
        """All that must be looked at before it can judge."""
        return self.examples.pictures + self.lists.pictures

    @cached_property
    def lowest(self) -> float:
        """The least score that leads to any action; beyond 1 without actions."""
        return min(self.actions.values(), default=math.inf)

    def severest(self, score: float) -> tuple[Action, float]:
        """The severest action whose threshold the score reaches, with that threshold.

        Raises ``ValueError`` below `lowest`.
        """
        reached = [(threshold, action) for action, threshold in self.actions.items() if score >= threshold]
        threshold, action = max(reached, key=lambda pair: _ORDER.index(pair[1]))
        return action, threshold


_ORDER: tuple[Action, ...] = ("label", "review", "block")


def policy_version(policy: Policy, defaults: Defaults) -> str:
    """Hash of what decisions depend on: wording, thresholds, mode, examples and lists, and nothing else in a file."""
    return _digest(
        {
            "prompts": policy.prompts,
            "unless": policy.unless,
            "mode": policy.mode,
            "actions": dict(sorted(policy.actions.items())),
            "templates": defaults.templates,
            "background": defaults.background,
            "too_close": defaults.too_close,
            **({"examples": policy.examples.digests} if policy.examples.pictures else {}),
            **({"limits": [policy.limits.rate, policy.limits.per]} if policy.limits else {}),
            **({"lists": policy.lists.digests} if policy.lists else {}),
        }
    )


@dataclass(frozen=True)
class PolicySet:
    """All policies of a folder, sorted by id, and what they share."""

    policies: tuple[Policy, ...]
    defaults: Defaults = Defaults()

    @cached_property
    def version(self) -> str:
        """Hash of all policy versions."""
        return _digest({policy.id: policy.version for policy in self.policies})

    @property
    def active(self) -> tuple[Policy, ...]:
        """The policies that are scored: those in mode enforce or shadow."""
        return tuple(policy for policy in self.policies if policy.mode != "off")

    @property
    def shadows(self) -> dict[str, str]:
        """For each policy in mode shadow that names one, the live policy that it is compared with."""
        scored = {policy.id for policy in self.active}
        named = {policy.id: policy.shadow_of.id for policy in self.active if policy.shadow_of is not None}
        return {policy: live for policy, live in named.items() if live in scored}

    def calibrated_for_another(self, fingerprint: str) -> dict[str, CalibratedFor]:
        """The active policies whose thresholds were set for a model other than that one, by id."""
        found = {policy.id: policy.calibrated for policy in self.active if policy.calibrated is not None}
        return {policy: model for policy, model in found.items() if model.fingerprint != fingerprint}

    @property
    def unproven(self) -> tuple[str, ...]:
        """The ids of active policies whose thresholds are a best guess from few images."""
        return tuple(each.id for each in self.active if each.calibrated is not None and each.calibrated.unproven)

    def sentences(self) -> Iterator[str]:
        """Every prompt, unless and background entry that scoring needs, each once, in a fixed order."""
        seen: dict[str, None] = {}
        for policy in self.active:
            seen.update(dict.fromkeys((*policy.prompts, *policy.unless)))
        if seen:  # where all policies are off, nothing is scored against it
            seen.update(dict.fromkeys(self.defaults.background))
        return iter(seen)


def _period(seconds: float) -> str:
    """In the largest unit that has no more than a few digits of it, such as ``10m``."""
    units = ((86_400.0, "d"), (3600.0, "h"), (60.0, "m"))
    size, unit = next(((size, unit) for size, unit in units if seconds % size == 0), (1.0, "s"))
    return f"{seconds / size:g}{unit}"


def _digest(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()[:VERSION_DIGITS]
