"""Muon moves matrices of every shape, AdamW the rest, and each weight is moved once."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.amp import GradScaler
from torch.optim import Muon

from pipeline.lab.training.optimisers import Optimisers
from pipeline.lab.training.plan import Optimiser

RATE = 1e-2


class Small(nn.Module):
    """Weights of every kind that a tower has."""

    def __init__(self) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(12, 8)
        self.convolution = nn.Conv2d(4, 8, 3)
        self.point = nn.Conv2d(8, 4, 1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 6)
        self.frozen = nn.Linear(6, 6).requires_grad_(requires_grad=False)


def small() -> Small:
    torch.manual_seed(5)
    return Small().to(memory_format=torch.channels_last)


def give_gradients(model: nn.Module) -> None:
    torch.manual_seed(6)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.grad = torch.randn_like(weight)


def step(model: nn.Module, optimisers: Optimisers) -> None:
    give_gradients(model)
    scaler = GradScaler("cpu", enabled=False)
    optimisers.set_rate(RATE)
    optimisers.unscale(scaler)
    optimisers.step(scaler)


@pytest.mark.parametrize("optimiser", Optimiser)
@pytest.mark.parametrize("lanes", [1, 2])
def test_all_that_learns_is_moved_and_what_is_frozen_stays(optimiser: Optimiser, lanes: int) -> None:
    model, before = small(), dict(small().named_parameters())
    step(model, Optimisers(model, optimiser, 0.0, lanes))
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name]) != weight.requires_grad, name


def test_a_convolution_moves_as_torchs_muon_moves_the_matrix_of_its_outputs_by_its_inputs() -> None:
    model = small()
    matrix = nn.Parameter(small().convolution.weight.detach().flatten(1))
    step(model, Optimisers(model, Optimiser.MUON, 0.0, 1))
    alone = Muon([matrix], lr=RATE, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    give_gradients(twin := small())
    assert twin.convolution.weight.grad is not None
    matrix.grad = twin.convolution.weight.grad.flatten(1)
    alone.step()
    # bfloat16 sums another order of the same columns
    torch.testing.assert_close(model.convolution.weight.flatten(1), matrix, atol=RATE / 20, rtol=0)


def test_embeddings_and_gains_are_moved_as_adamw_moves_them() -> None:
    ours, theirs = small(), small()
    step(ours, Optimisers(ours, Optimiser.MUON, 0.0, 2))
    step(theirs, Optimisers(theirs, Optimiser.ADAMW, 0.0, 2))
    for part in ("token_embedding", "norm"):
        assert torch.equal(getattr(ours, part).weight, getattr(theirs, part).weight), part
    assert not torch.equal(ours.head.weight, theirs.head.weight)


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_state_that_is_loaded_goes_on_as_it_would_have_gone(lanes: int) -> None:
    whole = small()
    first = Optimisers(whole, Optimiser.MUON, 0.05, lanes)
    step(whole, first)
    resumed = small()
    resumed.load_state_dict(whole.state_dict())
    second = Optimisers(resumed, Optimiser.MUON, 0.05, lanes)
    second.load_state_dict(deepcopy(first.state_dict()))
    for model, optimisers in ((whole, first), (resumed, second)):
        step(model, optimisers)
    for name, weight in resumed.named_parameters():
        assert torch.equal(weight, dict(whole.named_parameters())[name]), name
