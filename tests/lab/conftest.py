"""What lab tests share: the atlas, which needs the emoji font, and one CPU thread, so that runs repeat exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipeline.lab import train as training
from pipeline.lab.bpe import MERGES_FILE
from pipeline.lab.emoji import Atlas, FontError

BUNDLED_MERGES = Path(__file__).parents[2] / "pipeline" / "bundled_model" / MERGES_FILE


@pytest.fixture(scope="session")
def atlas() -> Atlas:
    try:
        return Atlas.build()
    except FontError as missing:
        reason = str(missing)
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must not skip: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def drawn(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    """One atlas and one merges file for all trainers: drawing and learning them anew takes seconds."""
    monkeypatch.setattr(training.Atlas, "build", classmethod(lambda cls, font=None: atlas))

    def copy(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MERGES_FILE).write_bytes(BUNDLED_MERGES.read_bytes())

    monkeypatch.setattr(training, "write_merges", copy)
