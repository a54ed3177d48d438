"""Trains one model in several single-threaded lanes of a CPU, each on its share of the batch.

Torch's own way, all threads on each operation, makes them wait for each other at every one: on two busy cores a step
of the bundled model at 64 px took 756 ms that way at best, and 530 ms in two lanes. The lanes share the weights; each
has gradients and batch-norm statistics of its own, which are summed and averaged in a fixed order, so that a run
repeats exactly. On any other device, and on one core, there is one lane and nothing to share.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

Towers = Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Tensor]]
"""A model, pixels and their captions' tokens to features of images and of captions, ``float32[n,D]`` each."""


class Lanes:
    """Makes a batch's forward and backward passes in ``count`` lanes. Above one, torch's threads are set to one."""

    def __init__(self, model: nn.Module, towers: Towers, count: int) -> None:
        self._towers = towers
        self.models = [model, *(_sharing(model) for _ in range(count - 1))]
        self._outputs: list[tuple[Tensor, Tensor]] = []
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="lane", initializer=_one_thread)
        if count > 1:
            _one_thread()

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The batch's image and text features, ``float32[B,D]`` each, as leaves whose gradients `backward` takes."""
        split = [each.tensor_split(len(self.models)) for each in (pixels, tokens)]
        self._outputs = self._each(lambda share: self._towers(*share), list(zip(self.models, *split, strict=True)))
        image, text = (torch.cat([each.detach() for each in side]) for side in zip(*self._outputs, strict=True))
        return image.requires_grad_(), text.requires_grad_()

    def backward(self, image: Tensor, text: Tensor) -> None:
        """Carry the gradients of `forward`'s leaves into the weights' ``.grad`` of the first model."""
        count = len(self.models)
        if image.grad is None or text.grad is None:
            raise ValueError("the loss must have been propagated back to the features")
        grads = zip(self._outputs, image.grad.tensor_split(count), text.grad.tensor_split(count), strict=True)
        self._each(_propagate, list(grads))
        self._outputs = []
        self._gather()

    def zero_grad(self) -> None:
        for model in self.models:
            model.zero_grad(set_to_none=True)

    @torch.no_grad()
    def level(self) -> None:
        """Copy the first model's buffers to every lane; to be called after a state was loaded into that model."""
        for ours, *others in zip(*(model.buffers() for model in self.models), strict=True):
            for theirs in others:
                theirs.copy_(ours)

    @torch.no_grad()
    def _gather(self) -> None:
        first, *others = self.models
        for other in others:
            for ours, theirs in zip(first.parameters(), other.parameters(), strict=True):
                if theirs.grad is not None:
                    ours.grad = theirs.grad if ours.grad is None else ours.grad.add_(theirs.grad)
        for buffers in zip(*(model.buffers() for model in self.models), strict=True):
            if buffers[0].is_floating_point():
                mean = torch.stack(buffers).mean(0)
                for each in buffers:
                    each.copy_(mean)

    def _each(self, work: Callable[..., object], shares: Sequence[object]) -> list:  # type: ignore[type-arg]
        if len(shares) == 1:
            return [work(shares[0])]
        return list(self._threads.map(work, shares))

    def close(self) -> None:
        self._threads.shutdown()


def _propagate(share: tuple[tuple[Tensor, ...], Tensor, Tensor]) -> None:
    outputs, *grads = share
    wanted = [(output, grad) for output, grad in zip(outputs, grads, strict=True) if output.requires_grad]
    torch.autograd.backward([output for output, _ in wanted], [grad for _, grad in wanted])


def _sharing(model: nn.Module) -> nn.Module:
    """A model on the very same weights in memory, with gradients and buffers of its own."""
    twin = copy.deepcopy(model)
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        theirs.data = ours.data
    return twin


def _one_thread() -> None:
    torch.set_num_threads(1)
