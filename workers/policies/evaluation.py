"""Images that are labelled with policies: what the policies' thresholds find of them, miss, and flag wrongly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.adapters.local.policy_folder import look_at
from pipeline.errors import UsageError
from pipeline.lab.data.dataset import Dataset
from pipeline.lab.data.dataset_files import read_labelled
from pipeline.lab.scenes.lexicon import load_lexicon
from pipeline.lab.thresholds.asked import Asked
from pipeline.lab.thresholds.record import record
from pipeline.rules.policies.names import SUFFIXES, wrong_with_id
from workers.policies.calibration import on_pictures
from workers.settings import Settings
from workers.terminal.calibration import name_unreadable, show
from workers.terminal.console import Terminal
from workers.terminal.plain import say, say_json

_NOTHING_ASKED = Asked({})


def labelled_with_policies(settings: Settings, data: Path) -> Dataset | None:
    """The labelled images, where they are labelled with ids of the folder's policies; None where with classes.

    Where only some labels are ids the others may be slips: that is an error where somebody named the folder, and
    said where not. Words of the lexicon are classes, whatever policies are called. Raises `UsageError`.
    """
    dataset, folder = read_labelled(data), settings.policies
    ids, labels, named = _ids(folder), set(dataset.classes), "policies" in settings.model_fields_set
    ours = sorted(labels.intersection(ids))
    if named and not ids:
        raise UsageError(f"{folder}: no policy is in it; --policies names the folder of those that are labels here")
    if labels and labels <= set(ids):
        return replace(dataset, classes=ids)
    if len(labels) > 1 and (not ours or labels <= _words()):
        return None
    if named:
        _refuse(data, ids, ours)
    elif ours:
        others = ", ".join(sorted(labels.difference(ids)))
        say(
            f"sluice: {', '.join(ours)} would be policies' ids, and {others} not: all are taken for classes", err=True
        )
    return None


def _ids(folder: Path) -> tuple[str, ...]:
    stems = (Path(path).stem for path in look_at(folder).files if path.endswith(SUFFIXES))
    return tuple(sorted(stem for stem in stems if not wrong_with_id(stem)))


def _words() -> set[str]:
    """What the things of the lexicon are called, as labels write it, with a space or a mark for one."""
    words = {word for each in load_lexicon() for word in (each.name, *each.keywords)}
    return words.union(*({word.replace(" ", mark) for word in words} for mark in "_-"))


def _refuse(data: Path, ids: Sequence[str], ours: Sequence[str]) -> None:
    """Raise `UsageError` for the first label that is no policy's id, where it stands."""
    try:
        read_labelled(data, known=ids)
    except UsageError as error:
        beside = f"; beside {ours[0]!r} all labels have to be policies, or 'none'" if ours else ""
        raise UsageError(f"{error}{beside}") from error


def judge_by_policies(settings: Settings, dataset: Dataset, *, as_json: bool) -> None:
    """Show what each policy that some image shows does at its thresholds. Raises what `measure` raises."""
    found, _ = on_pictures(settings, dataset, _NOTHING_ASKED)
    found = replace(found, findings=tuple(each for each in found.findings if each.curve is not None))
    if as_json:
        say_json(json.dumps(record(found, ())))
        return
    terminal = Terminal()
    name_unreadable(found.unreadable, terminal.err)
    show(found, terminal.out)
