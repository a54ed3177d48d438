"""Which things stay themselves when they are mirrored, stood on their head or coloured anew.

An arrow that is turned is another arrow, and a green heart in red another heart: captions would lie of them.
"""

from __future__ import annotations

import re
from functools import cache

import torch
from torch import Tensor

from pipeline.lab.scenes.clutter import some
from pipeline.lab.scenes.lexicon import load_lexicon

_DIRECTED = re.compile(
    r"\b(left|right|up|down|upwards?|downwards?|upside|arrows?|clockwise|anticlockwise|o'clock|thirty|fast|reverse|"
    r"index|rightwards|leftwards|button|top|back|end|on!|soon|signal|chart|increasing|decreasing|sign|"
    r"first|last|quarter|crescent|gibbous|north|south|backhand|return|play|rewind)\b"
)
_COLOURED = re.compile(
    r"\b(red|orange|yellow|green|blue|purple|brown|black|white|pink|grey|heart|circle|square|flag|apple|book|diamond|"
    r"face|rainbow|wine|droplet|blood|traffic|gold|silver|bronze|1st|2nd|3rd|place)\b"
)


@cache
def directed() -> Tensor:
    """``bool[K]``: things of the lexicon that a direction tells from others."""
    return torch.tensor([bool(_DIRECTED.search(emoji.name)) for emoji in load_lexicon()])


@cache
def coloured() -> Tensor:
    """``bool[K]``: things of the lexicon that a colour tells from others."""
    return torch.tensor([bool(_COLOURED.search(emoji.name)) for emoji in load_lexicon()])


def poses(generator: torch.Generator, things: Tensor, mirrored: float, turned: float) -> Tensor:
    """``float32[B,2,2]``: mirrors a share of the things, and turns a share by a quarter, a half or three."""
    batch = len(things)
    fixed = directed()[things]
    matrix = torch.eye(2).repeat(batch, 1, 1)
    rows = some(generator, batch, mirrored)
    matrix[rows, 0, 0] = -1.0
    rows = some(generator, batch, turned)
    quarters = torch.randint(1, 4, (len(rows),), generator=generator)
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    turns = torch.stack([torch.linalg.matrix_power(quarter, count) for count in range(4)])
    matrix[rows] = matrix[rows] @ turns[quarters]
    matrix[fixed] = torch.eye(2)
    return matrix
