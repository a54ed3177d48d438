"""Near to words: their score is that of a policy with these prompts, and comes from the policy's own head.

The bound is the same fraction with a larger numerator and a smaller denominator: each product may be off by `error`,
and of the background a part alone is weighed. Which part, the first rows say: the lines that describe most of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import local

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.archive import FEATURES, Block
from pipeline.archive.screen.plan import Plan
from pipeline.archive.screen.stored import Stored
from pipeline.archive.screen.upper import Asked, Upper
from pipeline.archive.search.bounds import Products, error
from pipeline.archive.search.query import Bounds, Events, Scored, of_events
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.heads.compiled import JoinedOpinion
from pipeline.rules.heads.head import Array
from pipeline.rules.heads.prompts import PromptsHead, PromptsOpinion

PART = 64
"""Lines of the background that a bound is made of: with all 1,500, rows would take twenty times as long."""
SAMPLE = 512
"""Rows that choose those lines."""
ROUNDING = 2.0**-20
"""How far the logarithm of a sum of exponentials in float32 may be off, as a share of the greatest, and more."""


class Words:
    """A `Query` by the score of one policy, in the compiled set of that policy alone."""

    def __init__(self, compiled: CompiledPolicies, device: str = "cpu") -> None:
        self.compiled = compiled
        self._head = compiled.prompts
        self._device = device
        self._own, self._against = _rows(self._head)
        self._off = self._head.logit_scale * (error(self._head.texts.shape[1]) + ROUNDING)
        self._products: Products | None = None
        self._plan = Plan.of(compiled)
        self._mine = local()
        self._all = Products(self._head.texts[np.concatenate([self._own, self._against])], device)

    @property
    def columns(self) -> Sequence[str]:
        return (*FEATURES, "coarse", "closer", "bar", "background", "background_lse")

    def prepare(self, block: Block) -> None:
        every = max(1, len(block.rows) // SAMPLE)
        rows = block.views(np.arange(0, len(block.rows), every)[:SAMPLE]).astype(np.float32)
        part = np.arange(len(self._against))
        if len(part) > PART and self._head.logit_bias is None:
            weights = self._head.score(rows).of_sentences[:, self._against]
            shares = weights / weights.sum(axis=1, keepdims=True)
            part = np.argsort(-shares.sum(axis=0), kind="stable")[:PART]
        texts = self._head.texts[np.concatenate([self._own, self._against[part]])]
        self._products = Products(texts, self._device)

    def bounds(self, block: Block) -> Bounds:
        """By the sum over the whole background where it is stored, else by some of its lines."""
        stored = self._stored(block)
        if stored is not None:
            coarse = self._by_coarse(block, stored)
            return of_events(self._by_stored(block.pieces, stored) if coarse is None else coarse, block)
        if self._products is None:
            self.prepare(block)
        assert self._products is not None  # noqa: S101
        return of_events(self._products.of(block.pieces, self._bound), block)

    @torch.inference_mode()
    def _by_coarse(self, block: Block, stored: NDArray[np.float32]) -> Array | None:
        coarse, upper = self._of_segments().coarse(block), self._upper()
        found = None if coarse is None else upper.rough(coarse, upper.weight([stored]))
        return None if found is None else np.asarray(found[:, 0].numpy(), np.float64)

    @torch.inference_mode()
    def _by_stored(self, pieces: Sequence[NDArray[np.float16]], stored: NDArray[np.float32]) -> Array:
        upper = self._upper()
        found = upper.high(upper.first(pieces), upper.weight([stored]))
        return np.asarray(found[:, 0].cpu().numpy(), np.float64)

    def _upper(self) -> Upper:
        """Each thread has its own, for its products."""
        if not hasattr(self._mine, "upper"):
            scale, bias = self._head.logit_scale, self._head.logit_bias
            self._mine.upper = Upper(Asked([self._plan], [True], scale, bias, torch.device(self._device)))
        upper: Upper = self._mine.upper
        return upper

    def _stored(self, block: Block) -> NDArray[np.float32] | None:
        return self._of_segments().of(block, self._plan, self._head.logit_scale)

    def _of_segments(self) -> Stored:
        """Each thread has its own: they look at different segments."""
        if not hasattr(self._mine, "stored"):
            self._mine.stored = Stored()
        stored: Stored = self._mine.stored
        return stored

    def closer(self, block: Block, events: Events) -> Bounds:
        """By the sum that is stored, else the whole background; an exact score takes twenty times as long."""
        (rows, starts), stored = block.rows_of(events), self._stored(block)
        pieces = [block.views(rows)]
        found = self._all.of(pieces, self._bound) if stored is None else self._by_stored(pieces, stored[rows])
        return np.asarray(np.maximum.reduceat(found, starts))

    def _bound(self, cosines: torch.Tensor) -> torch.Tensor:
        logits, own = cosines * self._head.logit_scale, len(self._own)
        if self._head.logit_bias is not None:
            return torch.sigmoid(logits[:, :own].amax(dim=1).double() + self._head.logit_bias + self._off)
        mine = torch.logsumexp(logits[:, :own], dim=1)
        others = torch.logsumexp(logits[:, own:], dim=1)  # minus infinity of none, and the bound is 1
        return torch.sigmoid((mine - others).double() + 2 * self._off)  # in float32 it could be rounded down

    def scores(self, block: Block, events: Sequence[int]) -> list[Scored]:
        opinion = self.compiled.look(block.looks(np.asarray(events, np.intp)))
        return [scored(opinion, image) for image in range(len(events))]


def _rows(head: PromptsHead) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of the head's sentences, the policy's prompts and what is weighed against them."""
    own = head.own[:, 0] > 0
    return np.flatnonzero(own), np.flatnonzero((head.considered[:, 0] > 0) & ~own)


def scored(opinion: JoinedOpinion, image: int, policy: int = 0) -> Scored:
    """The score of prompts in all its digits: rounded ones would make very many images equal."""
    if opinion.closer is not None and (image, policy) in opinion.from_closer:
        first = _of_prompts(opinion).images[image]
        again = scored(opinion.closer, opinion.in_closer[image], policy)
        return Scored(again.score, len(first.features) + again.view)
    said = _of_prompts(opinion)
    scores = said.found.scores[said.views.views(image), policy]
    view = int(scores.argmax())
    return Scored(float(scores[view]), view)


def _of_prompts(opinion: JoinedOpinion) -> PromptsOpinion:
    return next(each for each in opinion.opinions if isinstance(each, PromptsOpinion))
