"""New images that show the same thing, together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipeline.signals import Features

BY_CHANCE = 0.05
"""How many clusters a day has on average, at most, that is as the month was."""


def least(day: int, month: int) -> int:
    """How many alike images of a day of so many make a cluster where none of so many of the month is like them.

    If the day's images are drawn as the month's were, each image alike to one of the day's is of the day by a chance
    of ``day / (day + month)``; that c of them are, and none is of the month, has that to the power of c at most, and
    the day has so many images about which it may happen. So c others keep ``day`` times that below `BY_CHANCE`. It is
    the bound of Boole and Bonferroni, and holds for images that do not come together: fifty copies are a cluster.
    """
    return 1 + math.ceil(math.log(max(day, 1) / BY_CHANCE) / math.log1p(month / max(day, 1)))


@dataclass(frozen=True, eq=False)
class Cluster:
    """Images by their index, the one in their midst first, then by how near they are to it."""

    members: list[int]
    centre: Features
    """``float32[D]`` of length 1: the mean direction."""


def clusters(views: Features, near: float, enough: int) -> list[Cluster]:
    """Groups of at least so many views, ``float32[N,D]``, the largest first; who is in none is left out.

    The view with most others within a cosine of `near` takes them all, then of those that remain the next: Butina
    (1999), "Unsupervised data base clustering", J. Chem. Inf. Comput. Sci. 39, 747-750. It needs N x N cosines.
    """
    if not len(views):
        return []
    cosines = views @ views.T
    linked = cosines >= near
    np.fill_diagonal(linked, val=True)
    free = np.ones(len(views), bool)
    counts = linked.sum(axis=1)
    found = list[Cluster]()
    while True:
        leader = int(np.where(free, counts, 0).argmax())
        if not free[leader] or counts[leader] < enough:
            return found
        members = np.flatnonzero(linked[leader] & free)
        by_nearness = members[
            np.argsort(-np.where(members == leader, np.inf, cosines[leader, members]), kind="stable")
        ]
        found.append(Cluster(by_nearness.tolist(), unit(views[members].mean(axis=0))))
        free[members] = False
        counts = counts - linked[:, members].sum(axis=1)


def unit(vector: Features) -> Features:
    """The vector at length 1; zeros stay zeros."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)
