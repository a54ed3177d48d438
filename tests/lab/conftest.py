"""What lab tests share: the sprites, which need the emoji font, one CPU thread, and small things to train with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

from pipeline.lab.scenes.emoji import Atlas, FontError
from tests.images import encoded, flat
from tests.tiny_models import CLIP, CONVOLUTIONAL, SIGLIP, SIGLIP_PREPROCESS, write_model


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Torch's threads wait for each other at every small operation: a scene takes a second on busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def atlas() -> Atlas:
    try:
        return Atlas.build()
    except FontError as missing:
        reason = str(missing)
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must not skip: {reason}", pytrace=False)
    pytest.skip(reason)


@cache
def outlined(font: Path) -> tuple[Atlas, list[int]]:
    return DRAW_OUTLINES(font)


DRAW_OUTLINES = Atlas.outlined


@pytest.fixture
def drawn(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    """One atlas of each font for all that draw scenes: drawing it anew takes seconds."""
    monkeypatch.setattr(Atlas, "build", classmethod(lambda cls, font=None: atlas))
    monkeypatch.setattr(Atlas, "outlined", classmethod(lambda cls, font: outlined(font)))


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The names, ``local-dir:...``, of a small model of each kind; nobody may write into their folders."""
    folder = tmp_path_factory.mktemp("tiny")
    return {
        "clip": write_model(folder / "clip", CLIP),
        "convolutional": write_model(folder / "convolutional", CONVOLUTIONAL),
        "siglip": write_model(folder / "siglip", SIGLIP, SIGLIP_PREPROCESS),
    }


def write_pairs(folder: Path, count: int) -> Path:
    """A CSV file of `count` pictures, each of a colour of its own and with one caption that names it."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["image,caption"]
    for number in range(count):
        colour = (number * 37 % 256, number * 91 % 256, number * 53 % 256)
        (folder / f"{number:03}.png").write_bytes(encoded(flat(colour, (24, 24))))
        lines.append(f"{number:03}.png,a card of colour number {number}")
    path = folder / "captions.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
