"""What moves the weights: AdamW all of them, or Muon the matrices among them and AdamW the rest.

Muon gives every direction of a matrix a step of one length, so that what is seldom seen is learned as fast as what
always is: on scenes in five hands more was learned from each scene, for a sixth more time.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import AdamW, Muon, Optimizer

from pipeline.lab.training.plan import Optimiser

BETAS = (0.9, 0.98)


class Optimisers:
    """Those that together move all weights of a model that learn; `lanes` threads of a CPU share Muon's work."""

    def __init__(self, model: nn.Module, optimiser: Optimiser, weight_decay: float, lanes: int) -> None:
        learned = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
        by_muon = [weight for name, weight in learned if optimiser is Optimiser.MUON and _is_matrix(name, weight)]
        taken = {id(weight) for weight in by_muon}
        rest = [weight for _, weight in learned if id(weight) not in taken]
        self._parts: list[Optimizer] = [_Matrices(share, weight_decay) for share in _shares(by_muon, lanes)]
        if rest:
            self._parts.append(AdamW(_groups(rest, weight_decay), betas=BETAS, fused=True))
        self._threads = ThreadPoolExecutor(lanes, initializer=torch.set_num_threads, initargs=(1,))

    def set_rate(self, rate: float) -> None:
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = rate

    def unscale(self, scaler: GradScaler) -> None:
        """Make the gradients what they are without the scaler; to be called before they are clipped."""
        for part in self._parts:
            if isinstance(part, _Matrices):
                part.take_gradients()
            scaler.unscale_(part)

    def step(self, scaler: GradScaler) -> None:
        if scaler.is_enabled() or len(self._parts) == 1:
            for part in self._parts:
                scaler.step(part)
        else:
            list(self._threads.map(lambda part: part.step(), self._parts))
        scaler.update()

    def close(self) -> None:
        self._threads.shutdown()

    def state_dict(self) -> dict[str, Any]:
        return {str(number): part.state_dict() for number, part in enumerate(self._parts)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for number, part in enumerate(self._parts):
            part.load_state_dict(state[str(number)])


class _Matrices(Muon):
    """Torch's Muon, which takes matrices alone, for weights of more axes as well."""

    def __init__(self, weights: Sequence[nn.Parameter], weight_decay: float) -> None:
        self._weights = weights
        self._seen_as = [nn.Parameter(_matrix(weight.detach())) for weight in weights]
        # Steps as long as AdamW's, so that one learning rate serves both.
        super().__init__(self._seen_as, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")

    def take_gradients(self) -> None:
        """Let the matrices share the memory of the weights' gradients, as they share that of the weights."""
        for weight, matrix in zip(self._weights, self._seen_as, strict=True):
            if weight.grad is not None and _by_channel(weight):
                weight.grad = weight.grad.contiguous(memory_format=torch.channels_last)
            matrix.grad = None if weight.grad is None else _matrix(weight.grad)


def _matrix(weight: Tensor) -> Tensor:
    """The same memory as ``[outputs, inputs]``."""
    laid = weight.movedim(1, -1) if _by_channel(weight) else weight
    return laid.view(len(weight), -1)


def _by_channel(weight: Tensor) -> bool:
    return weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last)  # noqa: PLR2004 - convolutions


def _is_matrix(name: str, weight: Tensor) -> bool:
    """Rows of an embedding are learned one by one, not as a matrix."""
    return weight.ndim > 1 and "embedding" not in name


def _shares(weights: Sequence[nn.Parameter], count: int) -> list[list[nn.Parameter]]:
    """The weights in shares that take about as long; a matrix costs its shorter side times all of its numbers."""
    shares: list[list[nn.Parameter]] = [[] for _ in range(count)]
    costs = [0] * count
    priced = [(min(len(weight), weight[0].numel()) * weight.numel(), weight) for weight in weights]
    for cost, weight in sorted(priced, key=lambda each: -each[0]):
        least = costs.index(min(costs))
        shares[least].append(weight)
        costs[least] += cost
    return [share for share in shares if share]


def _groups(weights: Sequence[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; gains, biases and the logit scale do not."""
    matrices = [weight for weight in weights if weight.ndim > 1]
    others = [weight for weight in weights if weight.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
