"""A tower's convolutions say the same when small pictures go through them as matrix products."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pipeline.lab.training.products import MOST_SIDE, SmallConv2d, with_products


@pytest.mark.parametrize("side", [1, 2, 3, MOST_SIDE, MOST_SIDE + 1, 2 * MOST_SIDE, 17])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "bias"),
    [(3, 1, 1, False), (3, 2, 1, True), (1, 1, 0, False), (1, 2, 0, True), (5, 1, 2, False), (3, 1, 0, False)],
)
def test_outputs_and_gradients_are_those_of_the_convolution(
    side: int, kernel: int, stride: int, padding: int, bias: bool
) -> None:
    side = max(side, kernel - 2 * padding)  # the kernel must fit in
    torch.manual_seed(side)
    plain = nn.Conv2d(8, 16, kernel, stride, padding, bias=bias).double()
    ours = with_products(copy.deepcopy(plain))
    pixels = torch.randn(3, 8, side, side + 1).double().to(memory_format=torch.channels_last)
    answers = []
    for layer in (plain, ours):
        given = pixels.clone().requires_grad_()
        made = layer(given)
        made.sin().sum().backward()
        answers.append([made, given.grad, *(value.grad for value in layer.parameters())])
    for expected, found in zip(*answers, strict=True):
        torch.testing.assert_close(found, expected)


def test_weights_keep_their_names_and_their_place_in_memory() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4))
    before = {name: value.data_ptr() for name, value in model.state_dict().items()}
    assert {name: value.data_ptr() for name, value in with_products(model).state_dict().items()} == before
    assert isinstance(model[0], SmallConv2d)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, padding=1, groups=4),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2),
        nn.Conv2d(4, 4, (1, 3)),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    ],
)
def test_what_is_no_plain_square_convolution_is_left_alone(layer: nn.Conv2d) -> None:
    assert type(with_products(layer)) is nn.Conv2d
