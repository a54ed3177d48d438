"""From sums of exponentials to the scores between which the true ones lie.

A policy's score is ``own / (own + rest)`` with the sums of `plan`, and grows with `own` and shrinks with `rest`. Each
exponential that is computed is the true one but for a factor between ``exp(-error)`` and ``exp(error)``, in which the
rounding of the sums is contained. So the true ``own`` is no more than ``exp(error)`` times its computed sum, and
``rest`` no less than the sum of its terms by the less favourable of the two factors, negative ones by the greater.
A model that rates each sentence by itself scores ``x / (x + 1)`` with the greatest ``x`` of ``exp(logit + bias)``,
which their sum bounds from above: the same form, with a rest of 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from pipeline.archive.float32 import UNIT

HUGE, TINY = 1e30, 1e-30
"""Of sums of exponentials: beyond one nothing is said of a row but that its scores are between 0 and 1, and the other
is more than all that is lost where exponentials are too small for float32."""


class Scores:
    """Bounds of K scores, from sums that are each ``float32[V,K]``: own, against, and left out if any is."""

    def __init__(self, error: float, of_weight: float, bias: float | None, shift: float) -> None:
        """`error` is the most that the logarithm of a term errs, `of_weight` that of a background's stored sum.

        Of all exponents `shift` was taken, lest they be too great. `bias` is that of `PromptsHead`.
        """
        self._up, self._down = math.exp(error), math.exp(-error)
        self._more, self._less = math.exp(of_weight), math.exp(-of_weight)
        self._lift = self._up if bias is None else _lifted(error + bias + shift)
        self._alone = 0.0 if bias is None else 1.0
        self._shift = shift

    def weight(self, stored: Sequence[torch.Tensor | None], policies: Sequence[int]) -> torch.Tensor | None:
        """``float32[V,K]``, or ``float32[V,1]`` for all: what is stored of backgrounds, ``float32[V]`` a plan.

        `policies` says how many each plan has; of one whose background is not stored it is nothing. None of none.
        """
        known = [each for each in stored if each is not None]
        if not known:
            return None
        found = [torch.zeros_like(known[0]) if each is None else (each - self._shift).exp_() for each in stored]
        if len(found) == 1:
            return found[0].unsqueeze(1)
        of = [each.unsqueeze(1).expand(-1, count) for each, count in zip(found, policies, strict=True)]
        return torch.cat(of, dim=1)

    def high(
        self, sums: Sequence[torch.Tensor], weight: torch.Tensor | None, off: torch.Tensor | float = 1.0
    ) -> torch.Tensor:
        """``float32[V,K]``: no score is above it. By `off`, ``float32[V,1]``, a row's terms are off further."""
        own = sums[0].mul(self._lift).mul_(off).add_(TINY)
        rest = self._rest(sums, weight, self._down / off, self._up * off, self._less)
        whole = own + rest.sub_(TINY).clamp_(min=0.0)
        return torch.where(whole <= HUGE, own.div_(whole).mul_(1 + 8 * UNIT), 1.0)

    def low(self, sums: Sequence[torch.Tensor], weight: torch.Tensor | None) -> torch.Tensor:
        """``float32[V,K]``: no score of a softmax is below it."""
        own = sums[0].mul(self._down).sub_(TINY).clamp_(min=0.0)
        whole = own + self._rest(sums, weight, self._up, self._down, self._more).clamp_(min=0.0).add_(TINY)
        return torch.where(whole <= HUGE, own.div_(whole).mul_(1 - 8 * UNIT), 0.0)

    def _rest(
        self,
        sums: Sequence[torch.Tensor],
        weight: torch.Tensor | None,
        plus: torch.Tensor | float,
        minus: torch.Tensor | float,
        of_weight: float,
    ) -> torch.Tensor:
        rest = sums[1].mul(plus).add_(self._alone)
        if len(sums) > 2:  # noqa: PLR2004 - what is left out
            rest.sub_(sums[2].mul(minus))
        return rest if weight is None else rest.add_(weight, alpha=of_weight)


def _lifted(exponent: float) -> float:
    """Its exponential, or more: infinity where float32 has no room, of which nothing is concluded."""
    return max(TINY, math.exp(exponent)) if exponent < math.log(HUGE) else math.inf
