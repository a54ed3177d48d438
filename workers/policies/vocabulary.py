"""The phrases that are proposed to a policy writer, as the model sees them."""

from __future__ import annotations

from pathlib import Path

from pipeline.lab.wordings.thesaurus import phrases
from pipeline.ports import Encoder
from pipeline.signals import Features
from workers.embed.texts import text_features
from workers.radar.vocabulary import lines_of
from workers.settings import Settings


def known_phrases(settings: Settings, encoder: Encoder, file: Path | None = None) -> dict[str, Features]:
    """``float32[D]`` of each phrase that ships, and of each line of a file where one is given.

    Raises `UsageError` for a file that cannot be read or has no line, and for a line that the model would cut off.
    """
    more = lines_of(settings, encoder, file) if file else {}
    return text_features(settings, encoder, phrases(), raw=False) | more
