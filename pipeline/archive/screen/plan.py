"""What a policy set asks of a matrix of logits, so that its scores can be bounded.

For a policy with prompts P, of which the background B leaves out the lines L that are too close to them, and with
further lines U against it, `PromptsHead` says ``score = own / (own + rest)`` with the sums of ``exp(logit)``::

    own = sum(P)        rest = sum(B) - sum(L and what of P is in B) + sum(U outside B)

The sum over B is one number a view, whatever the policies are. Where it is known, only the sentences of the other
three sums are compared with the image. Where it is not, the lines of B that stand against the policy are summed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.archive.backgrounds import background_digest
from pipeline.rules.heads import CompiledPolicies
from pipeline.signals import Features

Selection = NDArray[np.float32]
"""1 where a sentence, by its row, is in a policy's sum, by its column; else 0."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One policy set. S of its sentences are needed besides the background's lines, of which there may be none."""

    compiled: CompiledPolicies
    digest: str
    """Of the background; empty without one, and where each sentence is rated by itself."""
    background: Features
    """``float32[B,D]``"""
    lines: Selection
    """``float32[B,K]``: the lines of the background that stand against a policy."""
    sentences: Features
    """``float32[S,D]``"""
    own: Selection
    """``float32[S,K]``"""
    further: Selection
    """Those that stand against a policy and are no lines of the background."""
    left_out: Selection
    """The lines of the background that do not stand against a policy."""

    @property
    def policies(self) -> int:
        """How many policies it is of, K."""
        return int(self.own.shape[1])

    @classmethod
    def of(cls, compiled: CompiledPolicies) -> Plan:
        head, defaults = compiled.prompts, compiled.policy_set.defaults
        own, considered = head.own > 0, head.considered > 0
        lines = set(defaults.background) if head.logit_bias is None else set()
        in_background = np.array([each in lines for each in head.sentences], np.bool_)[:, np.newaxis]
        further = considered & ~own & ~in_background
        left_out = in_background & (own | ~considered)
        if head.logit_bias is not None:
            further, left_out = np.zeros_like(own), np.zeros_like(own)
        needed = (own | further | left_out).any(axis=1)
        return cls(
            compiled,
            background_digest(defaults) if lines and len(head.sentences) else "",
            head.texts[in_background[:, 0]],
            np.asarray((considered & ~own)[in_background[:, 0]], np.float32),
            head.texts[needed],
            *(np.asarray(each[needed], np.float32) for each in (own, further, left_out)),
        )
