"""Puts an explanation together: the table of each policy that was asked for, and its map."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from pipeline.lab.explain.effort import FULL, LEAST, holes_within, passes
from pipeline.lab.explain.maps import Map, Mapped, deciding_views
from pipeline.lab.explain.record import Explanation
from pipeline.lab.explain.shown import Shown
from pipeline.lab.explain.why import Look, why
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.policy_set import Policy
from workers import assembly
from workers.explain.seen import Seen

Explained = tuple[Explanation, dict[str, Map]]
"""An explanation, and the pictures of the maps that it has, by policy."""


def asked_for(look: Look, named: Sequence[Policy]) -> list[Policy]:
    """The policies that are named; without any, those that match, or else the one that is nearest to a threshold."""
    if named:
        return list(named)
    scores, active = look.judgement.scores, look.compiled.policies
    matching = [policy for policy in active if scores[policy.id] >= policy.lowest]
    if matching:
        return sorted(matching, key=lambda policy: -scores[policy.id])
    return sorted(active, key=lambda policy: scores[policy.id] / max(policy.lowest, 1e-9), reverse=True)[:1]


def why_of(
    model: assembly.Model, compiled: CompiledPolicies, seen: Seen, named: Sequence[Policy] = (), most: int = FULL
) -> Explained:
    """Why an image has its scores, for a page or a program that asks: rows by `lab.explain.words`, pictures by `png`.

    The model is shown at most `most` views. Where those are too few for maps, or no image is left, there is none, and
    a note says so. Raises `ItemError` where the image cannot be decoded again, and `EncoderError`.
    """
    look = Look.at(seen.signals, compiled)
    return with_maps(explained(seen, compiled, asked_for(look, named), look), seen, look, model, most)


def explained(seen: Seen, compiled: CompiledPolicies, policies: Sequence[Policy], look: Look) -> Explanation:
    """Why the image has its scores under these policies, without maps."""
    return Explanation(
        image=seen.decision.image_id,
        verdict=look.judgement.verdict,
        policy_set=compiled.policy_set.version,
        model=seen.signals.made_by.model,
        preprocess=seen.signals.made_by.preprocess,
        scores=look.judgement.scores,
        policies=[why(look, policy) for policy in policies],
        notes=list(seen.decision.notes),
    )


def with_maps(
    found: Explanation,
    seen: Seen,
    look: Look,
    model: assembly.Model,
    most: int | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> Explained:
    """The same with the map of each of its policies; `advance` is told of views that the model was shown.

    Raises as `why_of` does; without `most` there is no bound.
    """
    if seen.image is None or not found.policies:
        return found, {}
    asked = [each.policy for each in found.policies]
    views = len(deciding_views(look, asked))
    holes = holes_within(passes(views, len(asked)) if most is None else most, views, len(asked))
    if holes is None:
        short = f"there is no map: the model may be shown {most} views, and a policy's map takes {LEAST} to {FULL}"
        return replace(found, notes=[*found.notes, short]), {}
    shown = Shown(model.encoder, look.compiled, seen.signals, advance)
    mapped = Mapped(model.decoder, seen.image, look, shown, model.encoder.spec.resize_mode, holes)
    maps = dict(mapped.of(asked))
    policies = [replace(each, heat=maps[each.policy].record) for each in found.policies]
    return replace(found, policies=policies, passes=shown.passes), maps


def passes_of(found: Explanation, look: Look) -> int:
    """How many views the model is shown for all the maps."""
    asked = [each.policy for each in found.policies]
    return passes(len(deciding_views(look, asked)), len(asked))
