"""Puts an explanation together: the table of each policy that was asked for, and its map."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.errors import ItemError, UsageError
from pipeline.lab.explain.crops import SCALES
from pipeline.lab.explain.fills import FILLS
from pipeline.lab.explain.heat import ELSEWHERE
from pipeline.lab.explain.maps import Map, Mapped
from pipeline.lab.explain.masks import MASKS
from pipeline.lab.explain.record import Explanation
from pipeline.lab.explain.shown import Shown
from pipeline.lab.explain.why import Look, why
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.policy_set import Policy
from workers import assembly
from workers.explain.seen import Seen
from workers.terminal.console import Terminal


def asked_for(look: Look, named: Sequence[Policy]) -> list[Policy]:
    """The policies that are named; without any, those that match, or else the one that is nearest to a threshold."""
    if named:
        return list(named)
    scores, active = look.judgement.scores, look.compiled.policies
    matching = [policy for policy in active if scores[policy.id] >= policy.lowest]
    if matching:
        return sorted(matching, key=lambda policy: -scores[policy.id])
    return sorted(active, key=lambda policy: scores[policy.id] / max(policy.lowest, 1e-9), reverse=True)[:1]


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
    found: Explanation, seen: Seen, look: Look, model: assembly.Model, terminal: Terminal
) -> tuple[Explanation, dict[str, Map]]:
    """The same with the map of each of its policies. Raises `UsageError` where the image cannot be decoded again."""
    if seen.image is None:
        return found, {}
    spec = model.encoder.spec
    with terminal.counting("looking at parts of the picture", _passes(found, look)) as counter:
        shown = Shown(model.encoder, look.compiled, seen.signals, counter.advance)
        mapped = Mapped(model.decoder, seen.image, look, shown, spec.resize_mode)
        try:
            maps = dict(mapped.of([each.policy for each in found.policies]))
        except ItemError as error:
            raise UsageError(
                f"{found.image} cannot be decoded again for its map: {error}; --no-map does without"
            ) from error
    policies = [replace(each, heat=maps[each.policy].record) for each in found.policies]
    return replace(found, policies=policies, passes=shown.passes), maps


def _passes(found: Explanation, look: Look) -> int:
    views = {look.deciding(each.policy) for each in found.policies}
    crops = sum(along**2 for _, along in SCALES)
    return len(views) * (crops + MASKS) + len(found.policies) * len(FILLS) * (1 + ELSEWHERE)
