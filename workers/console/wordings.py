"""Wordings that somebody typed: each is taken as it is or refused, and none is left out unsaid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.errors import UsageError

MOST, LONGEST = 10, 300
"""Wordings of one policy or search, and the characters of one."""


def wordings_of(parts: Iterable[str]) -> list[str]:
    """The wordings, each once and with single blanks; an empty one is none."""
    lines = (" ".join(part.split()) for part in parts)
    return list(dict.fromkeys(line for line in lines if line))


def check_wordings(words: Sequence[str]) -> None:
    """Raises `UsageError` for more than are taken, and for a longer one."""
    if len(words) > MOST:
        raise UsageError(f"{len(words)} wordings, and {MOST} are taken at once; leave some out")
    if (longest := max(map(len, words), default=0)) > LONGEST:
        raise UsageError(f"a wording of {longest} characters, and {LONGEST} are taken; say it shorter")
