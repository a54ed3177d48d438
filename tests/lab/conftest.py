"""What lab tests share: the atlas, which needs the emoji font, and one CPU thread, so that runs repeat exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from pipeline.lab.emoji import Atlas, FontError


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
