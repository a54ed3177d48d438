"""The frozen tower gives what the model gives, at any batch size; what cannot be frozen runs as it is."""

from __future__ import annotations

import pytest
import torch

from pipeline.adapters.open_clip.frozen import frozen
from pipeline.adapters.open_clip.towers import to_device

SIZE = (16, 16)
CPU = torch.device("cpu")


class Tower(torch.nn.Module):
    """Two convolutions, a batch norm and a projection."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 8, 3, stride=2)
        self.norm = torch.nn.BatchNorm2d(8)
        self.norm.running_mean = torch.randn(8)
        self.norm.running_var = torch.rand(8) + 0.5
        self.then = torch.nn.Conv2d(8, 8, 1)
        self.project = torch.nn.Linear(8, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        inner = self.then(torch.relu(self.norm(self.conv(images))))
        features: torch.Tensor = self.project(inner.mean(dim=(2, 3)))
        return features


class OfItsBatch(Tower):
    """A tower whose path hangs on the number of images: a trace knows one path only."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = super().forward(images)
        return -features if len(images) > 2 else features


class InPython(Tower):
    """A tower that leaves torch on the way."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images.new_tensor(images.tolist()) if len(images) == 3 else images)


class WithTokens(Tower):
    """As CoCa's: features and tokens."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        return super().forward(images), images


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tower", [Tower, OfItsBatch, InPython])
def test_features_are_those_of_the_tower_at_any_batch_size(tower: type[Tower], dtype: torch.dtype) -> None:
    visual = to_device(tower(), CPU, dtype)
    fast = frozen(visual, SIZE, dtype)
    with torch.inference_mode():
        for count in (1, 2, 3, 17):
            images = torch.randn(count, 3, *SIZE).to(dtype)
            torch.testing.assert_close(fast(images), visual(images), rtol=0.02, atol=0.02)


def test_a_tower_that_can_be_frozen_is() -> None:
    visual = to_device(Tower(), CPU, torch.float32)
    fast = frozen(visual, SIZE, torch.float32)
    images = torch.randn(2, 3, *SIZE)
    with torch.inference_mode():
        before = fast(images)
        visual.project = torch.nn.Linear(8, 4)  # what is frozen does not look at the module again
        assert torch.equal(fast(images), before)


def test_features_alone_come_out_where_a_tower_gives_tokens_too() -> None:
    fast = frozen(to_device(WithTokens(), CPU, torch.float32), SIZE, torch.float32)
    with torch.inference_mode():
        assert fast(torch.randn(5, 3, *SIZE)).shape == (5, 4)


def test_without_torchscript_a_tower_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.jit, "trace")
    visual = to_device(Tower(), CPU, torch.float32)
    images = torch.randn(2, 3, *SIZE)
    with torch.inference_mode():
        assert torch.equal(frozen(visual, SIZE, torch.float32)(images), visual(images))


def test_a_tower_that_cannot_be_packed_is_frozen_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.fx, "symbolic_trace")
    visual = to_device(Tower(), CPU, torch.float32)
    fast = frozen(visual, SIZE, torch.float32)
    images = torch.randn(2, 3, *SIZE)
    with torch.inference_mode():
        before = fast(images)
        torch.testing.assert_close(before, visual(images))
        visual.project = torch.nn.Linear(8, 4)
        assert torch.equal(fast(images), before)
