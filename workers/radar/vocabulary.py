"""The phrases that radar names clusters by."""

from __future__ import annotations

from pathlib import Path

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import UsageError
from pipeline.lab.radar.find import Vocabulary
from pipeline.ports import Encoder
from pipeline.signals import Features
from workers.embed.texts import text_features
from workers.settings import Settings


def vocabulary(settings: Settings, encoder: Encoder, file: Path | None) -> Vocabulary:
    """The lines of a file, or the background and the prompts of the folder's policies, as the model sees them.

    Raises `UsageError` for a file that cannot be read, or that has no line, and for a phrase that is too long.
    """
    phrases = _of_policies(settings) if file is None else _lines(file)
    if not phrases:
        raise UsageError(
            f"{file or settings.policies} has no phrase to name anything by; name others by --vocabulary"
        )
    return Vocabulary.of(text_features(settings, encoder, phrases, raw=False))


def lines_of(settings: Settings, encoder: Encoder, file: Path) -> dict[str, Features]:
    """The lines of a file, as the model sees them. Raises `UsageError` as `vocabulary` does."""
    return dict(text_features(settings, encoder, _lines(file), raw=False))


def _of_policies(settings: Settings) -> list[str]:
    found = policies_in(settings.policies)
    prompts = [prompt for policy in found.policies for prompt in policy.prompts]
    return list(dict.fromkeys((*prompts, *found.defaults.background)))


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--vocabulary {file} cannot be read: {error}") from error
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
