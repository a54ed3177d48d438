"""Whether two decisions on one event say the same, and in what they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from pipeline.wire import Decision, as_judged

ROUNDING = 0.002
"""By how much a score may differ for no reason but the order in which a processor adds up.

A model computes images of one pass together, and which they are is chance: its features differ in the last digits, of
which some round to the next float16. That moves a logit by 0.0044 at most, and a score by a quarter of that.
"""
_ABSENT = "(absent)"
_OF_THE_MOMENT = ("decided_at", "decision_id", "supersedes", "schema", "review_probability")
"""Fields that tell when and why a decision was made and who looks at it, and not what was found.

What an id is made of is in others.
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field, by its path such as ``matches.weapons.action``, and what it says in either."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs, and the greatest difference between two numbers that count as the same."""

    differences: tuple[Difference, ...]
    rounding: float

    @property
    def same(self) -> bool:
        """Whether they say the same but for rounding."""
        return not self.differences


def compared(before: Decision, after: Decision) -> Comparison:
    """Hold the decisions against each other, field by field; numbers count as the same within `ROUNDING`."""
    found = list(_differences("", _fields(before), _fields(after)))
    close = [each for each in found if _is_close(each.before, each.after)]
    real = tuple(each for each in found if each not in close)
    return Comparison(real, max((abs(each.before - each.after) for each in close), default=0.0))


def _fields(decision: Decision) -> dict[str, Any]:
    """What it says, with matches by their policy, so that one more of them is one difference.

    A policy that was held says what it judged: that it had gone over its limit by then is of the moment, too.
    """
    said = msgspec.to_builtins(as_judged(decision))
    for name in ("matches", "shadow"):
        said[name] = {match["policy"]: match for match in said[name]}
    return {name: value for name, value in said.items() if name not in _OF_THE_MOMENT}


def _differences(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            inner = f"{path}.{name}" if path else name
            yield from _differences(inner, before.get(name, _ABSENT), after.get(name, _ABSENT))
    elif before != after:
        yield Difference(path, before, after)


def _is_close(before: Any, after: Any) -> bool:
    return isinstance(before, float) and isinstance(after, float) and abs(before - after) <= ROUNDING
