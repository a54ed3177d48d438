"""How a prompt becomes the sentences that the model reads."""

from __future__ import annotations

from collections.abc import Sequence


def fill(prompt: str, templates: Sequence[str]) -> list[str]:
    """The sentences that a prompt stands for, one for each template."""
    return [template.replace("{}", prompt) for template in templates]
