"""The neutral pictures that ship with Sluice: what examples of a policy are told apart from."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from pipeline.adapters.local.policy_folder import SHIPPED_BACKGROUND
from pipeline.adapters.pillow.sheets import sheets
from pipeline.rules.policies.assets import NEUTRAL, SEVERAL, Asset

SHIPPED_SAMPLES = SHIPPED_BACKGROUND.parent / "samples"
STILLS = (".jpg", ".png", ".webp")
SHEETS = 64
"""Pictures of several of them at once, each of which costs a forward pass where a policy has examples."""


@cache
def neutral_pictures() -> dict[str, Asset]:
    """By path. None where they do not lie beside the package: examples are then not used."""
    found = sorted(path for path in SHIPPED_SAMPLES.glob("*") if path.suffix in STILLS and path.is_file())
    alone = {f"{NEUTRAL}{path.name}": path.read_bytes() for path in found}
    several = {f"{SEVERAL}{at:02}.png": each for at, each in enumerate(sheets([*alone.values()], SHEETS))}
    return {path: Asset(path, sha256(content).hexdigest(), content) for path, content in {**alone, **several}.items()}
