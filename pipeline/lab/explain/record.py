"""What an explanation says, as values that JSON takes as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from pipeline.rules.policies.policy_set import Mode
from pipeline.wire import Action, Evidence, ModelRef, Region, Verdict

Kind = Literal["prompt", "unless", "background"]
Filled = Literal["surroundings", "blurred"]
"""How a part of a view is taken away: in the colours around it, or blurred until only its light is left."""


class Sentence(msgspec.Struct, frozen=True):
    """A sentence that was weighed, and its share of what all sentences weigh together, from 0 to 1.

    Where the model rates each sentence by itself (sigmoid), the share is the chance that it gives the sentence.
    """

    text: str
    kind: Kind
    share: float


class Margin(msgspec.Struct, frozen=True):
    """How far a score is above a threshold; below it, less than 0."""

    action: Action
    threshold: float
    margin: float


class HeadScore(msgspec.Struct, frozen=True):
    """What one head has to say. The policy's score is that of the head that says most."""

    head: str
    score: float
    says: str
    evidence: Evidence


class SeenView(msgspec.Struct, frozen=True):
    """A view, and the score that the image would have if it were all that is seen of it."""

    region: Region
    score: float
    counts_from: float
    """The least score that counts: 0, but for views of a second look."""


class Without(msgspec.Struct, frozen=True):
    """The view's score without the hottest tenth of the map, and without another tenth."""

    filled: Filled
    score: float
    elsewhere: float
    """The mean over some rectangles of the view's shape, drawn by chance."""


class HeatRecord(msgspec.Struct, frozen=True):
    """Which part of the view that decided the score comes from."""

    region: Region
    """The view."""
    peak: tuple[float, float]
    """Where the map is hottest, across and down, as fractions of the picture."""
    box: tuple[float, float, float, float]
    """The box around the hottest tenth, as fractions of the picture."""
    without: Sequence[Without]
    grid: Sequence[Sequence[float]]
    """The map of the view in rows of a coarse grid, from 0 to 1."""


class Why(msgspec.Struct, frozen=True):
    """Why an image has its score under one policy."""

    policy: str
    title: str
    version: str
    mode: Mode
    score: float
    action: Action | None
    """The severest action whose threshold the score reaches."""
    margins: Sequence[Margin]
    heads: Sequence[HeadScore]
    decided_by: str
    """The head whose score it is, or whose veto."""
    view: Region
    """The view whose score it is; where the head goes by no view, the one that scores most by itself."""
    prompts: Sequence[Sentence]
    """The strongest of the policy's own sentences there."""
    against: Sequence[Sentence]
    """The strongest of those that stand against it there; none where the model rates each by itself (sigmoid)."""
    views: Sequence[SeenView]
    heat: HeatRecord | None = None


class Explanation(msgspec.Struct, frozen=True):
    """What an image scores, and why, under the policies that were asked for."""

    image: str
    verdict: Verdict
    policy_set: str
    model: ModelRef
    preprocess: str
    scores: dict[str, float]
    policies: Sequence[Why]
    passes: int = 0
    """Views that the model was shown for the maps, beyond those of the image itself."""
    decision_id: str = ""
    """Of the decision that is explained; empty for a picture."""
    notes: Sequence[str] = ()
