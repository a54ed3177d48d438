"""``sluice train``: fit a CLIP model to pairs of image and caption, or the bundled one to rendered emoji scenes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.lab.training.plan import Optimiser
from workers.commands.options import Font
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.reports import make_writable


class Frozen(StrEnum):
    """A part that may be left as it is."""

    IMAGE = "image"
    TEXT = "text"
    STEM = "stem"


Out = Annotated[Path, typer.Argument(help="Folder for the model (open_clip's local-dir layout).")]
Data = Annotated[
    Path | None,
    typer.Option(help="CSV file (image,caption), or a folder with a .txt by each image; default: emoji scenes."),
]
Init = Annotated[
    str | None, typer.Option(help="Begin from this model: an open_clip architecture, local-dir:FOLDER, bundled.")
]
Pretrained = Annotated[str | None, typer.Option(help="Published tag or checkpoint file, for --init.")]
Freeze = Annotated[
    list[Frozen] | None,
    typer.Option(help="A part to leave as it is; stem: the image tower's first layers; repeatable."),
]
Samples = Annotated[
    int | None, typer.Option(min=1, help="Images in the whole run. Default: 2,500,000 scenes, or 10 epochs.")
]
Batch = Annotated[int, typer.Option(min=4, help="Images per step.")]
LearningRate = Annotated[float | None, typer.Option(min=0, help="At its peak. Default: 1.2e-3, or 1e-5 with --init.")]
ByOptimiser = Annotated[Optimiser, typer.Option(help="muon learns more from a scene, for a sixth more time.")]
Shown = Annotated[
    int, typer.Option(min=1, help="How often each scene is shown, moved and coloured anew: drawing takes time.")
]
MixStyle = Annotated[
    float, typer.Option(min=0, max=1, help="Share of what is shown again that takes the style of another picture.")
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same run.")]
HeldOut = Annotated[
    float, typer.Option(min=0, max=0.9, help="Share of the images of --data kept from training, to test with.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
Workers = Annotated[
    int | None, typer.Option(min=0, help="Processes that make batches ahead. Default: by cores; 0: none.")
]
Checkpoint = Annotated[
    Path | None, typer.Option(help="Where to keep the run's state; OUT with .checkpoint.pt added by default.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")]
Hand = Annotated[
    list[Path] | None,
    typer.Option(help="A folder of drawings (.svg, .png) named by code point or CLDR name; repeatable."),
]
TestScenes = Annotated[int, typer.Option(min=1, help="Fresh scenes of each kind for the card.")]


@with_settings("log")
def train(
    settings: Settings,
    out: Out,
    data: Data = None,
    init: Init = None,
    pretrained: Pretrained = None,
    freeze: Freeze = None,
    samples: Samples = None,
    batch: Batch = 256,
    learning_rate: LearningRate = None,
    optimiser: ByOptimiser = Optimiser.ADAMW,
    shown: Shown = 1,
    mix_style: MixStyle = 0.0,
    seed: Seed = 0,
    held_out: HeldOut = 0.05,
    device: Device = "auto",
    workers: Workers = None,
    checkpoint: Checkpoint = None,
    resume: Resume = False,
    font: Font = None,
    hand: Hand = None,
    test_scenes: TestScenes = 2708,
) -> None:
    """Fit a CLIP model, test it on what it has not seen, and write its folder with a model card.

    An interrupted run goes on with --resume exactly as it would have gone. The folder is rewritten every ten minutes,
    so a long run can be tried before it ends.
    """
    make_writable(out, "give another folder")
    from pipeline.lab.training import run as training  # noqa: PLC0415 - seconds of torch, which --help goes without
    from workers.lab import training as lab  # noqa: PLC0415 - seconds of torch, which --help goes without

    choices = training.Choices(
        data=data,
        init=init,
        pretrained=pretrained,
        freeze=tuple(tower.value for tower in freeze or ()),
        samples=samples,
        batch=batch,
        peak=learning_rate,
        seed=seed,
        held_out=held_out,
        font=font,
        cores=settings.cores,
        hands=tuple(hand or ()),
        shown=shown,
        optimiser=optimiser,
        mix_style=mix_style,
    )
    lab.train(settings, choices, lab.RunOptions(out, checkpoint, device, workers, resume=resume), test_scenes)
