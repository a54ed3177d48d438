"""New thresholds from reviews of the stream itself: no image is read, and each review has its weight."""

from __future__ import annotations

from pipeline.errors import UsageError
from pipeline.lab.reviews.found import LookedThrough
from pipeline.lab.thresholds.asked import Asked
from pipeline.lab.thresholds.curve import curve_of_reviews
from pipeline.lab.thresholds.measure import Calibration, Finding, finding
from pipeline.ports import EncoderSpec
from pipeline.rules.heads import CompiledPolicies


def from_reviews(
    name: str, looked: LookedThrough, compiled: CompiledPolicies, spec: EncoderSpec, asked: Asked
) -> Calibration:
    """Calibrate every active policy that has reviews. Raises `UsageError` where none has any that was found."""
    reviewed = sum(len(each.scores) for each in looked.policies.values())
    if not reviewed:
        missing = sum(each.missing for each in looked.policies.values())
        why = f"none of {missing:,} reviewed images is among them" if missing else "no active policy has a review"
        raise UsageError(f"{name}: {looked.images:,} images were looked through, and {why}")
    findings = []
    for policy in compiled.policies:
        sample = looked.policies.get(policy.id)
        if sample is None:
            said = "no review of it; its thresholds stay as they are"
            findings.append(Finding(policy, "no images", None, (), None, said))
            continue
        findings.append(
            finding(policy, curve_of_reviews(sample), asked, spec, "no review says that an image shows it")
        )
    return Calibration(name, reviewed, (), spec, None, tuple(findings), looked.images)
