"""``sluice policy calibrate``: thresholds from labelled images instead of from a feeling."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import UsageError
from pipeline.lab.data.dataset import Dataset
from pipeline.lab.data.dataset_files import read_labelled
from pipeline.lab.thresholds.asked import asked
from pipeline.lab.thresholds.measure import Calibration
from pipeline.lab.thresholds.record import record
from pipeline.lab.thresholds.write_back import check_writable, edits, write_back
from workers.archive.options import ArchiveAt, Since, Until
from workers.commands.options import Font, PolicyFolder
from workers.policies.calibration import Stream, on_pictures, on_stream
from workers.settings import Settings
from workers.settings.options import in_folder, with_settings
from workers.settings.times import window_of
from workers.terminal.calibration import name_unreadable, show
from workers.terminal.console import Terminal
from workers.terminal.plain import say, say_json

FRESH = 2**43
"""Added to --seed: no other command draws these scenes, so thresholds are judged by none that they were set on."""

NOT_SUPPORTED = 1

Data = Annotated[
    Path | None,
    typer.Argument(help="A folder with a subfolder for each policy id and 'none', or a CSV file: image,label."),
]
Emoji = Annotated[bool, typer.Option("--emoji", help="Rendered scenes for the shipped policies, not DATA.")]
Precision = Annotated[
    list[str] | None,
    typer.Option(metavar="[ACTION=]SHARE", help="What share of the flagged must be right; repeatable."),
]
FalsePositives = Annotated[
    list[str] | None, typer.Option(metavar="[ACTION=]NUMBER", help="Most wrongly flagged of a million; repeatable.")
]
Prevalence = Annotated[
    float | None,
    typer.Option(help="Share of the real stream that shows what a policy is about; default: as in the data."),
]
Write = Annotated[bool, typer.Option("--write", help="Write the thresholds into the policy files.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, with every point of the curves.")]
Positives = Annotated[int, typer.Option(min=1, help="Scenes that show it, for each policy, with --emoji.")]
Negatives = Annotated[int, typer.Option(min=1, help="Scenes that show none of it, with --emoji.")]
Seed = Annotated[int, typer.Option(min=0, help="Which scenes, with --emoji.")]
Hand = Annotated[
    list[Path] | None,
    typer.Option(help="With --emoji: draw by this folder of drawings as well, as `sluice train --hand` mixes them."),
]


Reviews = Annotated[bool, typer.Option("--reviews", help="Go by the reviews that the archive keeps, not by DATA.")]
Labels = Annotated[
    Path | None,
    typer.Option(
        help="Go by a CSV file of what was said of archived images: image_id,policy,label[,inclusion_probability]."
    ),
]


@with_settings("model", "images", "policies", "store", "log")
def calibrate(
    settings: Settings,
    data: Data = None,
    folder: PolicyFolder = None,
    emoji: Emoji = False,
    archive: ArchiveAt = None,
    reviews: Reviews = False,
    labels: Labels = None,
    since: Since = None,
    until: Until = None,
    precision: Precision = None,
    false_positives: FalsePositives = None,
    prevalence: Prevalence = None,
    write: Write = False,
    as_json: AsJson = False,
    positives: Positives = 400,
    negatives: Negatives = 4000,
    seed: Seed = 0,
    font: Font = None,
    hand: Hand = None,
) -> int:
    """Set thresholds from labelled images: the lowest that reach a precision, or a budget of false positives.

    A target without an action is for the mildest action that a policy has. Nothing is written without --write. With
    --archive it goes by reviews of the stream, each weighted by the chance with which its image was chosen.
    Exit status 0: every target reached. 1: the data do not show some target; that policy's file is left alone, or
    gets a best guess that it marks as unproven.
    """
    of_stream = reviews or labels is not None or archive is not None
    if of_stream and data is not None and folder is None:
        data, folder = None, data  # the one word that is left is the folder of policies
    settings = in_folder(settings, folder)
    policy_set = policies_in(settings.policies)  # a slip is found before the model is loaded
    wanted = asked(precision or (), false_positives or (), prevalence, policy_set.active)
    if write:
        check_writable(settings.policies)
    if of_stream:
        _check(data, emoji=emoji, reviews=reviews, labels=labels, prevalence=prevalence)
        stream = Stream(archive, window_of(since, until), labels)
        found, files = on_stream(settings, stream, policy_set, wanted)
    else:
        scenes = _Scenes(positives, negatives, FRESH + seed, font, tuple(hand or ()))
        dataset = _dataset(data, [policy.id for policy in policy_set.policies], scenes, emoji=emoji)
        found, files = on_pictures(settings, dataset, wanted)
    changed = edits(found, files)
    if write:
        write_back(changed, files)
    _report(found, list(changed), written=write, as_json=as_json)
    return 0 if found.supported else NOT_SUPPORTED


def _check(data: Path | None, *, emoji: bool, reviews: bool, labels: Path | None, prevalence: float | None) -> None:
    """Raise `UsageError` for what a calibration on the stream cannot be asked."""
    if data is not None or emoji:
        raise UsageError("name one thing to calibrate on: labelled images, --emoji, or an --archive")
    if reviews == (labels is not None):
        raise UsageError("whose word counts? say --reviews for those that the archive keeps, or --labels FILE.csv")
    if prevalence is not None:
        raise UsageError("--prevalence is for labelled images; the stream's own is in its reviews: leave it out")


@dataclass(frozen=True)
class _Scenes:
    """Which scenes to calibrate on."""

    positives: int
    negatives: int
    seed: int
    font: Path | None
    hands: tuple[Path, ...]

    def drawn(self) -> Dataset:
        """The scenes, in the mix of hands that a model is trained on. Raises `UsageError` and `FontError`."""
        # These import torch, which files go without.
        from pipeline.lab.hands.folder import read_hand  # noqa: PLC0415
        from pipeline.lab.hands.mixed import mixed  # noqa: PLC0415
        from pipeline.lab.scenes.emoji import Atlas  # noqa: PLC0415
        from pipeline.lab.scenes.scene_set import policy_scenes  # noqa: PLC0415

        atlas = mixed(Atlas.build(self.font), [read_hand(each) for each in self.hands]) if self.hands else None
        return policy_scenes(self.positives, self.negatives, self.seed, self.font, atlas=atlas)


def _dataset(data: Path | None, known: Sequence[str], scenes: _Scenes, *, emoji: bool) -> Dataset:
    """The labelled images on disk, whose labels must be known policies, or the emoji scenes. Raises `UsageError`."""
    if scenes.hands and not emoji:
        raise UsageError("--hand is for the scenes of --emoji: add that, or leave --hand out")
    if data is not None and not emoji:
        return read_labelled(data, known=known)
    if data is None and emoji:
        return scenes.drawn()
    raise UsageError("name one thing to calibrate on: a folder, a CSV file, --emoji, or an --archive")


def _report(found: Calibration, changed: Sequence[Path], *, written: bool, as_json: bool) -> None:
    if as_json:
        say_json(json.dumps(record(found, changed if written else ())))
        return
    terminal = Terminal()
    name_unreadable(found.unreadable, terminal.err)
    show(found, terminal.out)
    names = ", ".join(path.name for path in changed)
    if not changed:
        say("No file changes.")
    elif written:
        say(f"Written: {names}")
    else:
        say(f"Nothing is written yet; --write changes {names}")
