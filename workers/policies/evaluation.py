"""Images that are labelled with policies: what the policies' thresholds find of them, miss, and flag wrongly."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from pipeline.adapters.local.policy_folder import look_at
from pipeline.lab.data.dataset import Dataset
from pipeline.lab.data.dataset_files import read_labelled
from pipeline.lab.thresholds.asked import Asked
from pipeline.lab.thresholds.record import record
from pipeline.rules.policies.names import SUFFIXES
from workers.policies.calibration import on_pictures
from workers.settings import Settings
from workers.terminal.calibration import name_unreadable, show
from workers.terminal.console import Terminal
from workers.terminal.plain import say_json

_NOTHING_ASKED = Asked({})


def labelled_with_policies(settings: Settings, data: Path) -> Dataset | None:
    """The labelled images, where every label is the id of a policy of the folder; else None. Raises `UsageError`."""
    files = look_at(settings.policies).files
    ids = sorted(Path(path).stem for path in files if path.endswith(SUFFIXES))
    dataset = read_labelled(data)
    return replace(dataset, classes=tuple(ids)) if dataset.classes and set(dataset.classes) <= set(ids) else None


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
