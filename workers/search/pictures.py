"""Pictures that are searched for: from disk, through the decoder and model of a worker, or out of the archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.archive.archive import FEATURES, Archive, Block, Segment
from pipeline.errors import UsageError
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.data.extract import extract
from pipeline.rules.archive.names import Group
from pipeline.rules.archive.remembered import as_kept
from pipeline.signals import Features
from workers.assembly import Model


@dataclass(frozen=True)
class Pictured:
    """The views of all the pictures, and what made them."""

    views: Features
    fingerprint: str
    preprocess: str


def from_disk(model: Model, paths: Sequence[Path], threads: int) -> Pictured:
    """The views of pictures on disk. Raises `UsageError`, which names each that cannot be read or decoded."""
    examples = [Example(str(path), partial(Path.read_bytes, path)) for path in paths]
    found = extract(Dataset("pictures", examples, ()), model.decoder, model.encoder, threads=threads)
    if found.unreadable:
        raise UsageError(*(f"{each.name}: {each.message} ({each.reason})" for each in found.unreadable))
    made_by = model.provenance
    views = np.concatenate([each.features for each in found.signals])
    return Pictured(as_kept(views), made_by.model.fingerprint, made_by.preprocess)


def from_archive(archive: Archive, segments: Sequence[Segment], image_ids: Sequence[str]) -> Pictured:
    """The views of archived images; of one that was decided on more than once, those of the latest day.

    Raises `UsageError` for an id that is not there, and where no one model has seen all the images.
    """
    missing = set(image_ids)
    kinds = dict[tuple[str, str], dict[str, Features]]()
    for segment in sorted(segments, key=lambda each: each.name.group.day, reverse=True):
        kept = kinds.setdefault(_kind(segment.name.group), {})
        for block in archive.blocks([segment], ["image_id"]):
            for image_id, views in _views(block, set(image_ids) - set(kept)).items():
                kept[image_id] = views
        missing -= set(kept)
        if len(kept) == len(set(image_ids)):
            views = np.concatenate([each.astype(np.float32) for each in kept.values()])
            return Pictured(views, *_kind(segment.name.group))
    if missing:
        raise UsageError(
            f"the archive {archive.store.address} has no image {', '.join(sorted(missing))};"
            " image ids are the keys of the records, as decisions name them"
        )
    raise UsageError("no one model has seen all of these images; search for them one by one")


def _kind(group: Group) -> tuple[str, str]:
    return group.fingerprint, group.preprocess


def _views(block: Block, image_ids: set[str]) -> dict[str, np.ndarray]:
    """The features of those images, of which the block has one event or more; the last counts."""
    ids = block.column("image_id")
    found = pc.indices_nonzero(pc.is_in(ids, value_set=pa.array(sorted(image_ids), pa.string()))).to_pylist()
    if not found:
        return {}
    block.need(FEATURES)
    return {ids[event].as_py(): block.features[slice(*block.offsets[event : event + 2])].copy() for event in found}
