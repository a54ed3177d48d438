"""What differs between two policy folders, in a policy writer's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pipeline.rules.policies.numbers import told
from pipeline.rules.policies.policy_set import AssetName, Defaults, KnownList, Lists, Policy, PolicySet
from pipeline.wire import Action

Kind = Literal["added", "removed", "changed"]
_ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a file says and the other does not."""

    key: str
    """The key of the policy file, or the action."""
    said: str
    """What becomes of it: ``added``, ``removed``, or the change itself."""
    text: str = ""
    """The line that is added or removed, as its author wrote it."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What differs in one policy, or in what all share."""

    id: str
    """Of the policy; empty for what all share."""
    kind: Kind
    scores: bool
    """Whether any decision may become another by it."""
    differences: tuple[Difference, ...]


def differences(old: PolicySet, new: PolicySet) -> list[Changed]:
    """What differs: what all policies share first, then the policies by their ids. Empty where nothing does."""
    before, after = ({policy.id: policy for policy in of.policies} for of in (old, new))
    shared = tuple(_of_defaults(old.defaults, new.defaults))
    found = [Changed("", "changed", old.defaults != new.defaults, shared)] if shared else []
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was is None and now is not None:
            found.append(Changed(name, "added", now.mode != "off", tuple(_of_policy(_nothing(now), now))))
        elif now is None and was is not None:
            found.append(Changed(name, "removed", was.mode != "off", ()))
        elif was is not None and now is not None and (told := tuple(_of_policy(was, now))):
            found.append(Changed(name, "changed", _decides(was) != _decides(now), told))
    return found


def _nothing(like: Policy) -> Policy:
    return Policy(like.id, like.title, (), {}, mode=like.mode, description=like.description, owner=like.owner)


def _decides(policy: Policy) -> object:
    """All by which it decides; a policy that is off decides nothing."""
    if policy.mode == "off":
        return None
    shown = policy.examples.digests, policy.lists.digests
    return policy.mode, policy.prompts, policy.unless, dict(policy.actions), shown, policy.limits


def _of_policy(was: Policy, now: Policy) -> Iterator[Difference]:
    if was.mode != now.mode:
        yield Difference("mode", f"{was.mode} → {now.mode}")
    if was.shadow_of != now.shadow_of:
        yield from _lines("shadow_of", *((each.id,) if each else () for each in (was.shadow_of, now.shadow_of)))
    if was.limits != now.limits:
        yield Difference("limits", f"{was.limits or 'none'} → {now.limits or 'none'}")
    for action in _ACTIONS:
        yield from _threshold(action, was.actions.get(action), now.actions.get(action))
    yield from _lines("prompts", was.prompts, now.prompts)
    yield from _lines("unless", was.unless, now.unless)
    yield from _assets("examples: match", was.examples.match, now.examples.match)
    yield from _assets("examples: look_alike", was.examples.look_alike, now.examples.look_alike)
    yield from _of_lists(was.lists, now.lists)
    if was.calibrated != now.calibrated:
        yield Difference("calibrated", f"{was.calibrated or 'by hand'} → {now.calibrated or 'by hand'}")
    for key in ("title", "description", "owner"):
        before, after = getattr(was, key), getattr(now, key)
        if before != after:
            yield from _lines(key, (before,) if before else (), (after,) if after else ())
    yield from _lines("tests: must_flag", was.must_flag, now.must_flag)
    yield from _lines("tests: must_pass", was.must_pass, now.must_pass)


def _threshold(action: Action, was: float | None, now: float | None) -> Iterator[Difference]:
    if was == now:
        return
    if was is None:
        yield Difference(action, f"new, from {now:g}")
    elif now is None:
        yield Difference(action, f"no longer taken (it was, from {was:g})")
    else:
        before, after = told(was, now)
        yield Difference(action, f"{before} → {after}, so it is taken {'less' if now > was else 'more'} often")


def _lines(key: str, was: Sequence[str], now: Sequence[str]) -> Iterator[Difference]:
    before, after = frozenset(was), frozenset(now)
    yield from (Difference(key, "removed", line) for line in was if line not in after)
    yield from (Difference(key, "added", line) for line in now if line not in before)
    if before == after and tuple(was) != tuple(now):
        yield Difference(key, "in another order")


def _assets(key: str, was: Sequence[AssetName], now: Sequence[AssetName]) -> Iterator[Difference]:
    before, after = ({asset.path: asset.sha256 for asset in of} for of in (was, now))
    yield from _lines(key, tuple(before), tuple(after))
    for path in before.keys() & after.keys():
        if before[path] != after[path]:
            yield Difference(key, "another file", path)


def _of_lists(was: Lists, now: Lists) -> Iterator[Difference]:
    """Lists by how many of their entries of each kind come and go, since they may be a million; pictures by name."""
    yield from _hashed("lists: block", was.block, now.block)
    yield from _assets("lists: block", was.block_pictures, now.block_pictures)
    yield from _hashed("lists: allow", was.allow, now.allow)
    yield from _assets("lists: allow", was.allow_pictures, now.allow_pictures)
    if was.alike != now.alike:
        yield Difference("lists: alike", " → ".join(told(was.alike, now.alike)))


def _hashed(key: str, was: Sequence[KnownList], now: Sequence[KnownList]) -> Iterator[Difference]:
    before, after = ({of.name.path: of for of in lists} for lists in (was, now))
    for path in sorted(before.keys() | after.keys()):
        one, other = before.get(path), after.get(path)
        if one is not None and other is not None and one.name.sha256 == other.name.sha256:
            continue
        from pipeline.rules.policies.list_entries import entries_changed  # noqa: PLC0415 - brings numpy

        said = "changed" if one and other else "added" if other else "removed"
        told = entries_changed(one.entries if one else None, other.entries if other else None)
        yield Difference(key, f"{said}, {told}", path)
    if set(before) == set(after) and list(before) != list(after):
        yield Difference(key, "in another order")


def _of_defaults(was: Defaults, now: Defaults) -> Iterator[Difference]:
    yield from _lines("templates", was.templates, now.templates)
    yield from _lines("background", was.background, now.background)
    if was.too_close != now.too_close:
        yield Difference("too_close", " → ".join(told(was.too_close, now.too_close)))
    if was.thin != now.thin:
        yield Difference("allow_thin_background", f"{was.thin} → {now.thin}".lower())
