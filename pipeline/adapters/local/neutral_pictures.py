"""The neutral pictures that ship with Sluice: what examples of a policy are told apart from."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from pipeline.adapters.local.policy_folder import SHIPPED_BACKGROUND
from pipeline.rules.policies.assets import NEUTRAL, Asset

SHIPPED_SAMPLES = SHIPPED_BACKGROUND.parent / "samples"
STILLS = (".jpg", ".png", ".webp")


@cache
def neutral_pictures() -> dict[str, Asset]:
    """By path. None where they do not lie beside the package: examples are then not used."""
    found = sorted(path for path in SHIPPED_SAMPLES.glob("*") if path.suffix in STILLS and path.is_file())
    return {f"{NEUTRAL}{path.name}": _asset(path) for path in found}


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(f"{NEUTRAL}{path.name}", sha256(content).hexdigest(), content)
