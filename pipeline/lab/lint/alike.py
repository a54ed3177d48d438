"""Sentences that say the same to the model: within one policy, and in two."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.lab.lint.finding import Finding
from pipeline.lab.lint.folder import Folder, Line

THE_SAME = 0.97
"""The cosine from which on two sentences are one to the model. Of the names of 1,354 things that the bundled model
tells apart, 1.8% have another so near, such as "locked" and "unlocked"."""


def duplicates(folder: Folder) -> Iterator[Finding]:
    """Lines that repeat another line of their list: of prompts it counts twice, and of `unless` it takes twice."""
    for policy in folder.compiled.policies:
        for key in ("prompts", "unless"):
            lines = list(folder.of(policy, key))
            for index, line in enumerate(lines):
                if (other := _nearest(line, lines[:index], THE_SAME)) is not None:
                    reason = (
                        f"{line.sentence!r} is the same to the model as {other.sentence!r} in line {other.where.line}"
                    )
                    yield Finding(policy.id, line.where, line.sentence, reason, "keep one; two count double")


def elsewhere(folder: Folder) -> Iterator[Finding]:
    """Prompts that sit on a prompt of another policy: what one of the two flags, the other flags as well."""
    prompts = list(folder.lines("prompts"))
    for line in prompts:
        others = [other for other in prompts if other.policy.id < line.policy.id]
        if (other := _nearest(line, others, THE_SAME)) is not None:
            reason = (
                f"{line.sentence!r} is the same to the model as {other.sentence!r} of the policy {other.policy.id}"
            )
            remedy = "let one policy have it, or accept that both flag what shows it"
            yield Finding(line.policy.id, line.where, line.sentence, reason, remedy)


def _nearest(line: Line, others: list[Line], least: float) -> Line | None:
    if not others:
        return None
    cosines = np.stack([other.features for other in others]) @ line.features
    best = int(cosines.argmax())
    return others[best] if cosines[best] >= least else None
