"""What a person asks for, made ready: words through the model, pictures through the path, images from the archive."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.archive.archive import Archive
from pipeline.archive.search.likeness import Likeness
from pipeline.archive.search.words import Words
from pipeline.errors import UsageError
from pipeline.rules.times import ALWAYS, Window
from pipeline.signals import Provenance
from pipeline.wire import ModelRef
from workers import assembly
from workers.archive.opening import segments_in
from workers.search.phrases import compiled_words
from workers.search.pictures import Pictured, from_archive, from_disk
from workers.search.record import Asked
from workers.search.run import Loaded, Search
from workers.settings import Settings
from workers.terminal.console import Terminal


def check_asked(asked: Asked) -> None:
    """Raise `UsageError` where it is not clear what is asked for."""
    pictures = bool(asked.images or asked.like)
    if asked.by_words and pictures:
        raise UsageError("search for words or for pictures, not for both: their scores cannot be compared")
    if not asked.by_words and not pictures:
        raise UsageError('search for what? say "words", --image FILE or --like IMAGE_ID')
    if asked.unless and not asked.by_words:
        raise UsageError("--unless stands against words; there are none")


def made_ready(
    settings: Settings, terminal: Terminal, archive: Archive, asked: Asked, window: Window, most: int
) -> Search:
    """What is asked, with a query to put to rows. Raises `UsageError` for what cannot be had."""
    device = assembly.product_device(settings)
    if asked.by_words:
        with terminal.status("loading the model and the background"):
            model = assembly.load_model(settings, one_caller=True)
            cache = assembly.text_cache(settings)
            compiled = compiled_words(settings, model, cache, asked.words, asked.unless)
        return Search(asked, Words(compiled, device), model.provenance, window, most, Loaded(model, cache))
    pictured = _pictured(settings, terminal, archive, asked)
    made_by = Provenance(ModelRef("", pictured[0].fingerprint, ""), pictured[0].preprocess)
    views = np.concatenate([each.views for each in pictured])
    return Search(asked, Likeness(views, device), made_by, window, most)


def _pictured(settings: Settings, terminal: Terminal, archive: Archive, asked: Asked) -> list[Pictured]:
    """All pictures, seen by one model."""
    found = []
    if asked.images:
        with terminal.status("loading the model"):
            model = assembly.load_model(settings, one_caller=True)
        found.append(from_disk(model, [Path(each) for each in asked.images], settings.cores))
    if asked.like:
        with terminal.status("looking for the image in the archive"):
            found.append(from_archive(archive, segments_in(archive, ALWAYS), asked.like))
    if len({(each.fingerprint, each.preprocess) for each in found}) > 1:
        raise UsageError(
            f"this model is {found[0].fingerprint} by {found[0].preprocess}, and the archived image was seen by"
            f" {found[1].fingerprint} by {found[1].preprocess}; their features cannot be compared"
        )
    return found
