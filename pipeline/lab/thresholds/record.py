"""A calibration as one JSON-ready mapping; what cannot be told (the precision of flagging nothing) is null."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.lab.reviews.record import estimate_record, reviews_record, told
from pipeline.lab.thresholds.calibrate import Choice
from pipeline.lab.thresholds.curve import average_precision
from pipeline.lab.thresholds.measure import Calibration, Finding
from pipeline.rules.wilson import LEVEL


def record(found: Calibration, written: Iterable[Path]) -> dict[str, Any]:
    spec = found.spec
    return {
        "data": found.data,
        "images": found.images,
        "stream": found.stream,
        "unreadable": [asdict(each) for each in found.unreadable],
        "model": {"name": spec.name, "fingerprint": spec.fingerprint, "dtype": spec.dtype},
        "prevalence": found.prevalence,
        "confidence": LEVEL,
        "supported": found.supported,
        "policies": [_policy(each, found.prevalence) for each in found.findings],
        "written": [str(path) for path in written],
    }


def _policy(finding: Finding, prevalence: float | None) -> dict[str, Any]:
    curve = finding.curve
    points = curve.points(prevalence) if curve else []
    return {
        "policy": finding.policy.id,
        "mode": finding.policy.mode,
        "status": finding.status,
        "note": finding.problem,
        "positives": curve.positives if curve else 0,
        "negatives": curve.negatives if curve else None,
        "average_precision": average_precision(points) if curve and curve.complete else None,
        "thresholds": dict(finding.thresholds),
        "calibrated": asdict(finding.calibrated) if finding.calibrated else None,
        "actions": [_action(choice) for choice in finding.choices],
        "curve": [asdict(point) for point in points],
        "reviews": reviews_record(curve.sample) if curve and curve.sample else None,
    }


def _action(choice: Choice) -> dict[str, Any]:
    quality = choice.quality
    return {
        "action": choice.action,
        "target": asdict(choice.target) if choice.target else None,
        "before": choice.before,
        "threshold": choice.threshold,
        **asdict(quality.counts),
        "precision": estimate_record(quality.precision),
        "recall": estimate_record(quality.recall),
        "false_per_million": estimate_record(quality.false_per_million),
        "flagged_per_million": told(quality.flagged_per_million),
        "problem": choice.problem,
        "unproven": choice.unproven,
        "notes": list(choice.notes),
    }
