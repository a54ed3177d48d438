"""How many flagged images of how many are more than a limit and chance explain.

A policy with a limit of `rate` is held where it flagged k of n different images, so that

    n * KL(k / n || 2 * rate) >= 4 * ln(1 / 1e-6)

KL is the divergence of two coins, p ln(p / q) + (1 - p) ln((1 - p) / (1 - q)). By Chernoff's bound (1952) a policy
that flags twice its limit comes so far by chance with a probability of 1e-6 at most, if images came one by one. They
come in albums: so four times as much is asked, as if every four images were one. With a limit of 0.5 % that is 12
of 12 images, 24 of 100, 59 of 1,000, 222 of 10,000.
"""

from __future__ import annotations

from math import inf, log

from pipeline.rules.policies.limits import MULTIPLE

CHANCE = 1e-6
ALBUM = 4.0
"""Images that count as one, since they come together: the design effect of a survey of clusters."""
NEEDED = ALBUM * log(1 / CHANCE)


def beyond(images: int, flagged: int, rate: float) -> bool:
    """Whether `flagged` of `images` is beyond a limit of `rate`, which lies between 0 and `HIGHEST`."""
    most = MULTIPLE * rate
    return flagged > most * images and images * divergence(flagged / images, most) >= NEEDED


def divergence(p: float, q: float) -> float:
    """Kullback and Leibler's, of a coin that shows heads with probability p from one that does with q."""
    yes = p * log(p / q) if p else 0.0
    if p == 1:
        return yes
    return yes + (1 - p) * log((1 - p) / (1 - q)) if q < 1 else inf
