"""Lanes share the weights and the work, and change nothing of what is learned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import torch
from torch import Tensor, nn

from pipeline.lab.training.lanes import Lanes

PIXELS = torch.randn(7, 3, 6, 6, generator=torch.Generator().manual_seed(1))
TOKENS = torch.arange(21).view(7, 3) % 10


class Pair(nn.Module):
    """Two small towers; the image side may have batch norm."""

    def __init__(self, *, norm: bool) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.image = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4) if norm else nn.ReLU(), nn.Flatten(), nn.Linear(64, 5)
        )
        self.text = nn.Embedding(10, 5)
        self.register_buffer("mask", torch.full((2, 2), float("-inf")), persistent=False)


def towers(model: nn.Module, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    assert isinstance(model, Pair)
    return model.image(pixels), model.text(tokens).mean(1)


@pytest.fixture(params=[1, 2, 3])
def count(request: pytest.FixtureRequest) -> Iterator[int]:
    return request.param


def step(lanes: Lanes) -> tuple[Tensor, Tensor]:
    lanes.zero_grad()
    image, text = lanes.forward(PIXELS, TOKENS)
    ((image @ text.T).tanh().sum() + image.square().sum()).backward()
    lanes.backward(image, text)
    return image, text


def test_features_and_gradients_are_those_of_the_whole_batch(count: int) -> None:
    model, alone = Pair(norm=False), Pair(norm=False)
    image, text = towers(alone, PIXELS, TOKENS)
    ((image @ text.T).tanh().sum() + image.square().sum()).backward()
    with closing(Lanes(model, towers, count)) as lanes:
        found = step(lanes)
    for ours, theirs in zip(found, (image, text), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
    for ours, theirs in zip(model.parameters(), alone.parameters(), strict=True):
        assert ours.grad is not None
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-4)


def test_gradients_do_not_add_up_over_steps(count: int) -> None:
    model = Pair(norm=False)
    with closing(Lanes(model, towers, count)) as lanes:
        step(lanes)
        once = [value.grad.clone() for value in model.parameters()]
        step(lanes)
    for ours, before in zip(model.parameters(), once, strict=True):
        assert torch.equal(ours.grad, before)


def test_all_lanes_have_the_very_same_weights(count: int) -> None:
    """The optimiser moves the first model's; the others must not be left behind."""
    model = Pair(norm=False)
    with closing(Lanes(model, towers, count)) as lanes:
        before, _ = step(lanes)
        with torch.no_grad():
            for value in model.parameters():
                value.mul_(2.0)
        after, _ = step(lanes)
    expected, _ = towers(model, PIXELS, TOKENS)
    assert torch.allclose(after, expected, atol=1e-5)
    assert not torch.allclose(after, before, atol=1e-2)


def test_batch_statistics_are_the_mean_of_the_lanes_and_the_same_in_all(count: int) -> None:
    model = Pair(norm=True)
    with closing(Lanes(model, towers, count)) as lanes:
        step(lanes)
        shares = []
        for share in PIXELS.tensor_split(count):
            alone = Pair(norm=True)
            alone.image(share)
            shares.append(alone.image[1].running_mean)
        assert torch.allclose(model.image[1].running_mean, torch.stack(shares).mean(0), atol=1e-6)
        for other in lanes.models:
            for name, buffer in model.named_buffers():
                assert torch.equal(dict(other.named_buffers())[name], buffer), name


def test_a_frozen_part_keeps_its_statistics_and_gets_no_gradient(count: int) -> None:
    model = Pair(norm=True)
    model.image.requires_grad_(requires_grad=False).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with closing(Lanes(model, towers, count)) as lanes:
        step(lanes)
    assert all(value.grad is None for value in model.image.parameters())
    assert model.text.weight.grad is not None
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_loaded_buffers_are_for_every_lane(count: int) -> None:
    model, trained = Pair(norm=True), Pair(norm=True)
    trained.image[1].running_mean.fill_(3.0)
    trained.image[1].num_batches_tracked.fill_(9)
    with closing(Lanes(model, towers, count)) as lanes:
        model.load_state_dict(trained.state_dict())
        lanes.level()
        for other in lanes.models:
            assert torch.equal(other.image[1].running_mean, trained.image[1].running_mean)
            assert int(other.image[1].num_batches_tracked) == 9


def test_a_loss_that_was_not_propagated_is_an_error() -> None:
    with closing(Lanes(Pair(norm=False), towers, 2)) as lanes:
        image, text = lanes.forward(PIXELS, TOKENS)
        with pytest.raises(ValueError, match="propagated"):
            lanes.backward(image, text)
