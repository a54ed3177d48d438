"""A decision, which is one JSON object on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec
from msgspec.structs import replace

from pipeline.wire.events import SourceRef
from pipeline.wire.names import DECISION_SCHEMA
from pipeline.wire.nesting import refuses_deep

Action = Literal["label", "review", "block"]
Verdict = Literal["allow", "label", "review", "block"]
Turned = Literal["90", "180", "270", "mirrored"]
"""How a view was turned before the model saw it: by degrees clockwise, or left and right exchanged."""
HELD_NOTE = " is over its limit of "
"""Stands in each note that says of a policy that it was held."""
SEVERITY: Mapping[str, int] = {"allow": 0, "label": 1, "review": 2, "block": 3}


class ModelRef(msgspec.Struct, frozen=True):
    """Which model scored: ``fingerprint`` hashes its architecture, tokenizer and weights."""

    name: str
    fingerprint: str
    dtype: str


class Region(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a view of an image was taken: the frame's index in the file, from 0, and the part of the picture.

    ``box`` is left, top, right, bottom as fractions of the picture as a viewer shows it.
    """

    frame: int
    box: tuple[float, float, float, float]
    turned: Turned | None = None
    """None, and absent on the wire, where the model saw that part as a viewer does."""


class Against(msgspec.Struct, frozen=True):
    """The sentence, of ``unless`` and the background, that stood most against a policy, and its share."""

    text: str
    share: float


class PromptEvidence(msgspec.Struct, frozen=True, tag_field="head", tag="prompts"):
    """What a policy's prompts have to say: the best of them, and its share of what all sentences weigh together.

    ``against`` is None where a model rates each sentence by itself (sigmoid), or where no other sentence is weighed.
    """

    prompt: str
    share: float
    view: Region
    against: Against | None = None

    def __str__(self) -> str:
        return repr(self.prompt)


class ExamplesEvidence(msgspec.Struct, frozen=True, tag_field="head", tag="examples"):
    """What the pictures that a policy shows have to say: the nearest one that matches, and its cosine to the view."""

    picture: str
    """Its path beside the policy."""
    cosine: float
    view: Region

    def __str__(self) -> str:
        return f"like {self.picture!r}"


class ListEvidence(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="head", tag="lists"):
    """What a policy's lists of known pictures have to say: the entry, or the picture, that the image fits."""

    side: Literal["block", "allow"]
    kind: Literal["sha256", "pdq", "picture", "none"]
    """``none`` where the image is not known: of a policy that its lists say nothing of."""
    list: str
    """The file, by its path beside the policies; of kind picture the picture's own."""
    line: int | None = None
    """The entry's line; None of a picture."""
    note: str = ""
    bits: int | None = None
    """In how many of 256 bits the image's PDQ differs."""
    cosine: float | None = None
    """Of the features of a view and of one of the picture's."""
    view: Region | None = None
    """The view that looks like the picture; of an allowed image the one that does least."""

    def __str__(self) -> str:
        if self.kind == "none":
            return "not on a list"
        entry = self.list if self.line is None else f"{self.list}:{self.line}"
        near = (
            f", {self.bits} of 256 bits differ" if self.bits else "" if self.cosine is None else f" {self.cosine:.2f}"
        )
        allowed = "allowed by " if self.side == "allow" else ""
        return f"{allowed}{entry} ({self.kind}{near})" + (f": {self.note}" if self.note else "")


Evidence = PromptEvidence | ExamplesEvidence | ListEvidence
"""What a head has to say of an image, told apart by ``head``: a union to which each new kind of head adds its own.

``str()`` of it is what a person reads, in a few words.
"""


class Match(msgspec.Struct, frozen=True):
    """A policy whose score reached a threshold; ``action`` is the severest one reached.

    ``prompt`` and ``prompt_score`` are to be retired: ``evidence`` says the same, and more.
    """

    policy: str
    version: str
    action: Action
    score: float
    threshold: float
    prompt: str
    prompt_score: float
    evidence: Evidence | None = None
    """None in decisions from before there was evidence, and of a head that only a newer release knows."""

    judged: Action | msgspec.UnsetType = msgspec.UNSET
    """The action whose threshold the score reached, where the policy was held to a milder one since it had gone over
    its limit; absent on the wire elsewhere. `threshold` is that of this action."""

    @property
    def why(self) -> str:
        """The evidence in words for a person."""
        if self.evidence is not None:
            return str(self.evidence)
        return repr(self.prompt) if self.prompt else "evidence of a kind that this release does not know"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one event; times are RFC 3339 in UTC, scores are probabilities.

    ``event_id`` identifies the event, and ``decision_id`` its decision by this policy set and model. ``notes`` say in
    words what is unusual about the event or its answer.
    """

    schema: str = DECISION_SCHEMA
    event_id: str = ""
    """Empty only in a decision of version 1."""
    decision_id: str
    supersedes: str | msgspec.UnsetType = msgspec.UNSET
    """The `decision_id` of the decision on this event that it replaces; absent on the wire where it replaces none."""
    image_id: str
    content_sha256: str
    source: SourceRef
    verdict: Verdict
    review_probability: float | msgspec.UnsetType = msgspec.UNSET
    """Of an allowed image that was drawn to be reviewed, the chance with which it was; else absent on the wire."""
    matches: list[Match] = msgspec.field(default_factory=list)
    shadow: list[Match] = msgspec.field(default_factory=list)
    scores: dict[str, float] = msgspec.field(default_factory=dict)
    policy_set: str
    model: ModelRef
    preprocess: str
    frames: int
    event_time: str
    decided_at: str
    notes: list[str] = msgspec.field(default_factory=list)


_HEADS = frozenset(kind.__struct_config__.tag for kind in get_args(Evidence) or (Evidence,))
_encode = msgspec.json.Encoder().encode
_decode_decision = msgspec.json.Decoder(Decision).decode


@refuses_deep
def parse_decision(value: bytes) -> Decision:
    """Read a decision back from its bytes; raises `msgspec.DecodeError` naming what does not fit.

    Fields and evidence that only a newer release knows are left out.
    """
    try:
        return _decode_decision(value)
    except msgspec.ValidationError:
        known = _with_known_evidence(msgspec.json.decode(value))
        if known is None:
            raise
        return msgspec.convert(known, Decision)


def _with_known_evidence(decision: Any) -> dict[str, Any] | None:
    """The decision without the evidence of heads that are not known here; None where there is none of it."""
    matches = [each for part in ("matches", "shadow") for each in _mappings(decision, part)]
    newer = [each for each in matches if _head(each) not in {None, *_HEADS}]
    for match in newer:
        match["evidence"] = None
    return decision if newer else None


def _mappings(decision: Any, part: str) -> list[dict[str, Any]]:
    found = decision.get(part) if isinstance(decision, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _head(match: dict[str, Any]) -> str | None:
    evidence = match.get("evidence")
    head = evidence.get("head") if isinstance(evidence, dict) else None
    return head if isinstance(head, str) else None


def as_judged(decision: Decision) -> Decision:
    """The decision without what limits of policies did to it: each match with the action that its score reached."""
    notes = [note for note in decision.notes if HELD_NOTE not in note]
    if not any(match.judged for match in decision.matches):
        return decision if len(notes) == len(decision.notes) else replace(decision, notes=notes)
    matches = [
        replace(match, action=match.judged, judged=msgspec.UNSET) if match.judged else match
        for match in decision.matches
    ]
    matches.sort(key=lambda match: (-SEVERITY[match.action], -match.score, match.policy))
    return replace(decision, matches=matches, verdict=matches[0].action, notes=notes)


def decision_json(decision: Decision) -> bytes:
    """The decision as one line of JSON, without a line end."""
    return _encode(decision)
