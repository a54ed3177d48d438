"""A packed tower gives what the tower gives, whatever stands between its convolutions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from pipeline.adapters.open_clip.packed import Convolution, packed
from pipeline.adapters.open_clip.towers import to_device

SIZE = 16
CPU = torch.device("cpu")


def _norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
        assert isinstance(values, torch.Tensor)
        nn.init.uniform_(values, 0.5, 1.5)
    return norm


class Residual(nn.Module):
    """As a ResNet's block: a ReLU between, a sum before another, and what training alone uses."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.first_norm = nn.Conv2d(channels, channels, 3, padding=1, bias=False), _norm(channels)
        self.second, self.second_norm = nn.Conv2d(channels, channels, 3, padding=1, bias=False), _norm(channels)
        self.relu, self.idle, self.drop = nn.ReLU(inplace=True), nn.Identity(), nn.Dropout(0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        inner = self.relu(self.idle(self.first_norm(self.first(images))))
        out: torch.Tensor = self.relu(self.drop(self.second_norm(self.second(inner))) + images)
        return out


class Branched(nn.Module):
    """What a convolution gives goes to its norm and past it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.then = nn.Conv2d(8, 8, 1), _norm(8), nn.Conv2d(8, 8, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        inner = self.conv(images)
        out: torch.Tensor = self.then(self.norm(inner) + inner)
        return out


class Looped(nn.Module):
    """The same convolution twice, once with a ReLU behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.conv(self.relu(self.conv(images)))
        return out


class OfItsImages(nn.Module):
    """A path that hangs on what is in the images, which no tower taken apart can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.conv(images) if images.sum() > 0 else images
        return out


PACKED: dict[str, Callable[[], nn.Module]] = {
    "residual": lambda: Residual(8),
    "strides, groups and holes": lambda: nn.Sequential(
        nn.Conv2d(8, 16, 3, stride=2, groups=4), nn.ReLU6(), nn.Conv2d(16, 8, 3, padding=2, dilation=2, bias=False)
    ),
    "padded with what is there": lambda: nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
    "padded by name": lambda: nn.Conv2d(8, 8, 3, padding="same"),
}
LEFT: dict[str, Callable[[], nn.Module]] = {"branched": Branched, "looped": Looped}


def _tower(body: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    ends = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), _norm(8), nn.ReLU(), body, *ends)


def _images(count: int, dtype: torch.dtype, size: int = SIZE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randn((count, size, size, 3), generator=generator).permute(0, 3, 1, 2).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("name", PACKED | LEFT)
def test_features_are_those_of_the_tower_at_any_size(name: str, dtype: torch.dtype) -> None:
    visual = to_device(_tower((PACKED | LEFT)[name]()), CPU, dtype)
    fast = packed(visual, _images(8, dtype))
    with torch.inference_mode():
        for count, size in ((1, SIZE), (8, SIZE), (17, SIZE), (2, 2 * SIZE)):
            images = _images(count, dtype, size)
            torch.testing.assert_close(fast(images), visual(images), rtol=0.03, atol=0.03)


@pytest.mark.parametrize("name", PACKED)
def test_what_can_be_packed_is_and_the_tower_stays_as_it_was(name: str) -> None:
    visual = to_device(_tower(PACKED[name]()), CPU, torch.float32)
    before = {key: value.clone() for key, value in visual.state_dict().items()}
    fast = packed(visual, _images(8, torch.float32))
    assert any(isinstance(layer, Convolution) for layer in fast.modules())
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in fast.modules())
    assert all(torch.equal(value, before[key]) for key, value in visual.state_dict().items())


@pytest.mark.parametrize("name", LEFT)
def test_where_joining_layers_would_be_wrong_the_tower_is_left(name: str) -> None:
    visual = to_device(_tower(LEFT[name]()), CPU, torch.float32)
    assert packed(visual, _images(8, torch.float32)) is visual


def test_a_tower_of_one_convolution_is_left() -> None:
    visual = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.Flatten())
    assert packed(visual, _images(2, torch.float32)) is visual


def test_a_tower_that_cannot_be_taken_apart_is_said() -> None:
    with pytest.raises(torch.fx.proxy.TraceError):
        packed(to_device(_tower(OfItsImages()), CPU, torch.float32), _images(2, torch.float32))
