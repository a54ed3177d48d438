"""What no question to an archive can be faster than: its bytes copied, and its features times as many texts."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pipeline.archive.archive import FEATURES
from pipeline.archive.float32 import tensor_of
from workers.bench.archive.made import DIMENSION, Made

_CHUNK = 1 << 20
PIECE = 512
"""Rows that are multiplied at a time: their float32 form, of 1 MiB, does not leave the cache. More are slower."""


def copied(made: Made) -> int:
    """Copy every byte of every segment from the page cache. Returns the rows."""
    buffer = memoryview(bytearray(_CHUNK))
    for segment in made.archive.segments():
        with (made.folder / segment.path).open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return made.rows


class Bare:
    """Features of float16 made float32 and multiplied by that many texts, and nothing else."""

    def __init__(self, made: Made, texts: int) -> None:
        self._pieces = [
            tensor_of(each)
            for block in made.archive.blocks(made.archive.segments(), FEATURES, mapped=4)
            for each in block.pieces
        ]
        self._texts = torch.randn(DIMENSION, texts)
        self._floats, self._found = torch.empty(PIECE, DIMENSION), torch.empty(PIECE, texts)
        self._float = torch.randn(PIECE, DIMENSION)

    def cast_and_product(self) -> int:
        """A piece at a time, in the cache: the fastest form there is of it. Returns the rows."""
        for some in self._some():
            torch.mm(self._floats[: len(some)].copy_(some), self._texts, out=self._found[: len(some)])
        return sum(len(each) for each in self._pieces)

    def product(self) -> int:
        """The product alone, of features that are float32 and in the cache by then. Returns the rows."""
        for some in self._some():
            torch.mm(self._float[: len(some)], self._texts, out=self._found[: len(some)])
        return sum(len(each) for each in self._pieces)

    def _some(self) -> Iterator[torch.Tensor]:
        for each in self._pieces:
            yield from (each[start : start + PIECE] for start in range(0, len(each), PIECE))

    def plain(self) -> int:
        """As it is usually written: a row group's features made float32, then multiplied. Returns the rows."""
        for at in range(0, len(self._pieces), 16):
            torch.mm(torch.cat(self._pieces[at : at + 16]).float(), self._texts)
        return sum(len(each) for each in self._pieces)
