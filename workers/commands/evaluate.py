"""``sluice evaluate``: how well a model knows the classes of labelled images, before policies are built on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import UsageError
from pipeline.lab.data.dataset import Dataset
from pipeline.lab.data.dataset_files import read_labelled
from pipeline.lab.data.extract import Extracted, extract
from pipeline.lab.evaluation.evaluate import check
from pipeline.lab.evaluation.evaluate import evaluate as measure
from pipeline.lab.evaluation.page import page
from pipeline.lab.evaluation.record import Record
from pipeline.lab.evaluation.zero_shot import encode_classes, in_words
from pipeline.rules.policies.policy_set import Defaults
from workers import assembly
from workers.assembly import Model
from workers.commands.options import AsJson, Font
from workers.policies.evaluation import judge_by_policies, labelled_with_policies
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.evaluation import show
from workers.terminal.plain import say, say_json
from workers.terminal.progress import progress_bar
from workers.terminal.reports import check_writable, write_report

Data = Annotated[
    Path | None,
    typer.Argument(help="A folder with a subfolder for each class and 'none', or a CSV file: image,label,group."),
]
Emoji = Annotated[bool, typer.Option("--emoji", help="Rendered scenes of every emoji instead of DATA.")]
Scenes = Annotated[int, typer.Option(min=1, help="How many scenes, with --emoji.")]
Seed = Annotated[int, typer.Option(min=0, help="Which scenes, with --emoji.")]
Shift = Annotated[
    list[str] | None,
    typer.Option(
        help="Other data of the same classes: how much accuracy is kept? With --emoji also a kind of scene, or the"
        " emoji in another hand: a folder of drawings as `sluice train --hand` takes it, or a font. Repeatable."
    ),
]
Templates = Annotated[
    list[str] | None,
    typer.Option(help="With {} for the class name; repeat it for several. Default: as policies."),
]
Html = Annotated[Path | None, typer.Option(help="Write the report to this page, too.")]


@with_settings("model", "images", "policies", "log")
def evaluate(
    settings: Settings,
    data: Data = None,
    emoji: Emoji = False,
    scenes: Scenes = 2708,
    seed: Seed = 0,
    font: Font = None,
    shift: Shift = None,
    templates: Templates = None,
    as_json: AsJson = False,
    html: Html = None,
) -> None:
    """Name every image's class zero-shot, and report accuracy, calibration, groups and what templates gain.

    Each figure comes with its 95 % interval. Images that cannot be read are named and left out. Images that are
    labelled with ids of policies, and with 'none', as for `sluice policy calibrate`, are judged by those policies
    instead: the ones of --policies.
    """
    if data is not None and not emoji and (by_policy := labelled_with_policies(settings, data)):
        if templates or shift or html:
            raise UsageError(
                f"{data} is labelled with policies, and judged by them: leave out --templates, --shift and --html, or"
                " give its classes other names"
            )
        judge_by_policies(settings, by_policy, as_json=as_json)
        return
    chosen = tuple(templates or Defaults.templates)
    check_writable("--html", html)
    draw = _draw(scenes, seed, font) if emoji else None
    dataset = _dataset(data, draw)
    others = [_other(each, draw) for each in shift or ()]
    check(dataset, chosen, others)
    terminal = Terminal()
    with terminal.status("loading the model"):
        model = assembly.load_model(settings, one_caller=True)
        texts = encode_classes(model.encoder, dataset.classes, chosen)
    extracted = _extract(dataset, model, settings.cores)
    compared = [(other, _extract(other, model, settings.cores)) for other in others]
    found = measure(dataset, extracted, texts, chosen, model.encoder.spec, others=compared)
    record = Record.of(model.encoder.spec, model.decoder, found)
    if html is not None:
        write_report("--html", html, page(record).encode())
    if as_json:
        say_json(record.as_json())
    else:
        show(record, terminal.out)
        say("", f"The page is in {html}" if html else "--html FILE writes this as a page, with charts")


Draw = Callable[[str], Dataset]
"""Renders scenes of one kind. Raises `UsageError` for a kind that there is not."""


def _draw(scenes: int, seed: int, font: Path | None) -> Draw:
    # This imports torch, which data on disk go without.
    from pipeline.lab.hands.shown import is_hand, shown_by  # noqa: PLC0415
    from pipeline.lab.scenes.scene_set import KINDS, SEED, emoji_scenes  # noqa: PLC0415

    def draw(name: str) -> Dataset:
        for kind in KINDS:
            if kind == name:
                return emoji_scenes(scenes, SEED + seed, kind=kind, font=font)
        if is_hand(Path(name)):
            hand = shown_by(Path(name))
            for problem in hand.left_out:
                say(f"left out: {problem}", err=True)
            return hand.scenes(scenes, SEED + seed)
        if Path(name).exists():
            return _from_disk(Path(name))
        raise UsageError(
            f"--shift {name}: no such file or folder, and no kind of scene, which are {', '.join(KINDS)}"
        )

    return draw


def _dataset(data: Path | None, draw: Draw | None) -> Dataset:
    """What is evaluated. Raises `UsageError`."""
    if data is not None and draw is None:
        return _from_disk(data)
    if data is None and draw is not None:
        return draw("alone")
    raise UsageError("name one thing to evaluate on: a folder, a CSV file, or --emoji")


def _other(shift: str, draw: Draw | None) -> Dataset:
    """What is compared with: data on disk, or other scenes of the same emoji. Raises `UsageError`."""
    return _from_disk(Path(shift)) if draw is None else draw(shift)


def _from_disk(path: Path) -> Dataset:
    # Nobody says an underscore. A hyphen in a CSV file may be meant (T-shirt); in a folder's name it is a space.
    return in_words(read_labelled(path), "_-" if path.is_dir() else "_")


def _extract(dataset: Dataset, model: Model, threads: int) -> Extracted:
    with progress_bar(dataset.name, len(dataset.examples)) as advance:
        return extract(dataset, model.decoder, model.encoder, threads=threads, progress=advance)
