"""What no score of a row exceeds, from the exponentials of its logits by one small product.

A policy's score is ``own / (own + rest)`` with the sums of `plan`, and grows with `own` and shrinks with `rest`. Each
exponential that is computed is the true one but for a factor between ``exp(-error)`` and ``exp(error)``, in which the
rounding of the sums is contained. So ``own`` is no more than ``exp(error)`` times its computed sum, and ``rest`` no
less than the sum of its terms by the less favourable of the two factors, negative ones by the greater. A model that
rates each sentence by itself scores ``x / (x + 1)`` with the greatest ``x`` of ``exp(logit + bias)``, which their sum
bounds: the same form, with a rest of 1.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from pipeline.archive.float32 import UNIT
from pipeline.archive.screen.layout import Layout

HUGE, TINY = 1e30, 1e-30
"""Of sums of exponentials: beyond one nothing is said of a row but that its scores are at most 1, and the other is
more than all that is lost where exponentials are too small for float32."""


class Ceiling:
    """Bounds of one plan, number `at` of a layout, from the exponentials of the layout's logits."""

    def __init__(
        self, layout: Layout, at: int, error: float, of_weight: float, bias: float | None, device: torch.device
    ) -> None:
        """`error` is the most that the logarithm of a term errs, `of_weight` that of a background's stored sum.

        `bias` is that of `PromptsHead`.
        """
        plan, columns = layout.plans[at], layout.where[at]
        up, down = math.exp(error), math.exp(-error)
        own, rest = np.zeros((2, len(layout.texts), plan.policies))
        np.add.at(own, columns, np.where(plan.own > 0, up if bias is None else _lifted(error + bias), 0.0))
        np.add.at(rest, columns, plan.further * down - plan.left_out * up)
        if plan.digest in layout.sums:
            rest[layout.sums[plan.digest]] = down
        self._sums = torch.from_numpy(np.concatenate([own, rest], axis=1).astype(np.float32)).to(device)
        self._policies = plan.policies
        self._weight = math.exp(-of_weight)
        self._alone = 0.0 if bias is None else 1.0

    def __call__(self, exponentials: torch.Tensor, stored: torch.Tensor | None) -> torch.Tensor:
        """``float32[V,T]``, and of what is stored ``float32[V]`` log-sums, to ``float32[V,K]`` bounds."""
        sums = exponentials @ self._sums
        own, rest = sums[:, : self._policies].add_(TINY), sums[:, self._policies :].add_(self._alone)
        if stored is not None:
            rest.add_(stored.exp().mul_(self._weight).unsqueeze(1))
        whole = own + rest.clamp_(min=0.0)
        return torch.where(whole <= HUGE, own.div_(whole).mul_(1 + 8 * UNIT), 1.0)


def _lifted(exponent: float) -> float:
    """Its exponential, or more: infinity where float32 has no room, of which nothing is concluded."""
    return max(TINY, math.exp(exponent)) if exponent < math.log(HUGE) else math.inf
