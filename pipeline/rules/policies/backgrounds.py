"""How broad a background must be: what nothing in it describes is flagged by some policy by chance.

Measured with the bundled model and the shipped policies on 800 rendered scenes of what none of them is about (means
of three draws of the background): scenes that are flagged by any policy, scenes that the worst policy flags, and
neutral sentences that the worst one flags.

====== ====== ====== =========
lines  any    worst  sentences
====== ====== ====== =========
0      100%   100%   100%
12     85%    41%    44%
50     58%    19%    18%
100    42%    12%    11%
200    24%    6%     6%
400    12%    2.6%   3.6%
1,519  0.3%   0.1%   1.6%
====== ====== ====== =========
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

LEAST_BACKGROUND = 200
"""Lines that stand against every policy, or the folder is refused: with fewer, most flags are wrong."""


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers from 1; blank ones and those that start with # are left out."""
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line and not line.startswith("#"):
            yield number, line


def background_lines(text: str) -> tuple[str, ...]:
    """The lines of `numbered_lines`, each once."""
    return tuple(dict.fromkeys(line for _, line in numbered_lines(text)))


def thin(background: Sequence[str]) -> bool:
    """Whether it has fewer than `LEAST_BACKGROUND` different lines."""
    return different(background) < LEAST_BACKGROUND


def different(background: Sequence[str]) -> int:
    """How many lines there are, but for those that differ by case and blanks alone."""
    return len({" ".join(line.casefold().split()) for line in background})
