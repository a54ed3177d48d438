"""The fitted scale is the calibrated one."""

from __future__ import annotations

import pytest
import torch

from pipeline.lab.evaluation.temperature import LIMIT, best_scale


def test_the_scale_that_made_the_labels_is_found_again() -> None:
    torch.manual_seed(0)
    cosines = torch.rand(20_000, 12) * 2 - 1
    right = torch.distributions.Categorical(logits=cosines * 7.0).sample()
    assert best_scale(cosines, right) == pytest.approx(7.0, rel=0.03)


def test_a_model_that_is_always_right_gets_the_limit() -> None:
    assert best_scale(torch.eye(5), torch.arange(5)) == pytest.approx(LIMIT)


def test_no_scale_nearby_is_likelier() -> None:
    torch.manual_seed(1)
    cosines, right = torch.rand(500, 30), torch.randint(30, (500,))
    cosines[torch.arange(500), right] += 0.2
    best = best_scale(cosines, right)
    nll = [
        float(torch.nn.functional.cross_entropy(cosines * scale, right)) for scale in (best * 0.9, best, best * 1.1)
    ]
    assert nll[1] == min(nll)
