"""Numbers in sentences: short where that is enough to tell them apart."""

from __future__ import annotations


def told(*numbers: float) -> tuple[str, ...]:
    """Each in six digits, or all in as many as they have where some that differ would read the same."""
    short = tuple(f"{number:g}" for number in numbers)
    return short if len(set(short)) == len(set(numbers)) else tuple(str(float(number)) for number in numbers)
