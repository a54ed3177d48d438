"""``sluice train``: fit a CLIP model to pairs of image and caption, or the bundled one to rendered emoji scenes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.options import with_settings
from workers.process.interrupts import interruptible
from workers.settings import Settings
from workers.terminal.plain import say

if TYPE_CHECKING:
    from pipeline.lab.training.plan import Plan, Progress
    from pipeline.lab.training.run import Choices, Run
    from pipeline.lab.training.trainer import Trainer


class Frozen(StrEnum):
    """A tower that may be left as it is."""

    IMAGE = "image"
    TEXT = "text"


@with_settings("log")
def train(
    settings: Settings,
    out: Annotated[Path, typer.Argument(help="Folder for the model (open_clip's local-dir layout).")],
    data: Annotated[
        Path | None,
        typer.Option(help="CSV file (image,caption), or a folder with a .txt by each image; default: emoji scenes."),
    ] = None,
    init: Annotated[
        str | None, typer.Option(help="Begin from this model: an open_clip architecture, local-dir:FOLDER, bundled.")
    ] = None,
    pretrained: Annotated[str | None, typer.Option(help="Published tag or checkpoint file, for --init.")] = None,
    freeze: Annotated[list[Frozen] | None, typer.Option(help="A tower to leave as it is; repeatable.")] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Images in the whole run. Default: 2,500,000 scenes, or 10 epochs.")
    ] = None,
    batch: Annotated[int, typer.Option(min=4, help="Images per step.")] = 256,
    learning_rate: Annotated[
        float | None, typer.Option(min=0, help="At its peak. Default: 1.2e-3, or 1e-5 with --init.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same run.")] = 0,
    held_out: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of the images of --data kept from training, to test with.")
    ] = 0.05,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that make batches ahead. Default: by cores; 0: none.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Where to keep the run's state; OUT with .checkpoint.pt added by default.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
    font: Annotated[Path | None, typer.Option(help="NotoColorEmoji.ttf, where the system has none.")] = None,
    test_scenes: Annotated[int, typer.Option(min=1, help="Fresh scenes of each kind for the card.")] = 2708,
) -> None:
    """Fit a CLIP model, test it on what it has not seen, and write its folder with a model card.

    An interrupted run goes on with --resume exactly as it would have gone. The folder is rewritten every ten minutes,
    so a long run can be tried before it ends.
    """
    from pipeline.lab.training import run as training
    from pipeline.lab.training.trainer import Trainer
    from workers.assembly.training import load_trainee

    _make(out)
    torch_device = training.known_device(device)
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
        cores=settings.cores if torch_device.type == "cpu" else 1,
    )
    run = training.prepare(choices, load_trainee)
    trainer = Trainer(run.plan, run.trainee, run.batches, torch_device)
    whole = out.resolve()
    state = checkpoint or whole.with_name(f"{whole.name}.checkpoint.pt")
    if resume:
        trainer.resume(state)
    # On a CPU the lanes have the cores already: one process ahead of them keeps all busy.
    ahead = workers if workers is not None else (1 if torch_device.type == "cpu" else max(1, settings.cores - 1))
    _fit(trainer, out, state, ahead)
    _finish(settings, run, trainer, out, choices, test_scenes)


def _fit(trainer: Trainer, out: Path, state: Path, workers: int) -> None:
    """Train to the end; an interrupted run keeps its state."""
    try:
        with interruptible(), _progress(trainer.plan, trainer.step) as report:
            trainer.run(out, state, report, workers=workers)
    except KeyboardInterrupt:
        trainer.save(state)
        say(f"Interrupted at step {trainer.step}: repeat the command with --resume to go on.", err=True)
        raise typer.Exit(130) from None
    finally:
        trainer.lanes.close()


def _make(folder: Path) -> None:
    """Make the folder, before hours of training find that it cannot be written. Raises `ServiceError`."""
    from pipeline.errors import ServiceError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ServiceError(f"cannot write into {folder}: {error.strerror}; give another folder") from error


@contextmanager
def _progress(plan: Plan, step: int) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on stderr; where stderr is a file, a line now and then."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    from workers.terminal.console import Terminal

    if not sys.stderr.isatty():
        yield _lines(every=50)
        return
    columns = (
        TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.3f}  {task.fields[rate]:.0f} images/s  eta"),
        TimeRemainingColumn(),
    )
    with Terminal().progress(*columns, transient=False) as bar:
        task = bar.add_task("train", total=plan.steps, completed=step, loss=0.0, rate=0.0)
        yield lambda now: bar.update(task, completed=now.step, loss=now.loss, rate=now.rate)


def _lines(every: int) -> Callable[[Progress], None]:
    """A reporter that prints each ``every``-th step."""

    def report(now: Progress) -> None:
        if now.step % every == 0 or now.step == now.steps:
            say(f"step {now.step}/{now.steps}  loss {now.loss:.3f}  {now.rate:.0f} images/s", err=True)

    return report


def _finish(settings: Settings, run: Run, trainer: Trainer, out: Path, choices: Choices, test_scenes: int) -> None:
    """Measure the finished model, and write its record and its card."""
    from pipeline.lab.training import run as training
    from workers.lab import card as model_card

    fitted = None
    if choices.data is None:
        fitted = model_card.fit_logit_scale(settings, out, trainer, test_scenes, choices.font)
    record = training.record(run, trainer, choices, fitted)
    record.write(out)
    if choices.data is None:
        said = model_card.write_for_scenes(settings, out, record, model_card.amounts(test_scenes), choices.font)
    else:
        said = model_card.write_for_pairs(settings, out, record, run.held_out)
    _name_unreadable(trainer)
    say(f"{said} Model in {out}; try it with SLUICE_MODEL=local-dir:{out}")


def _name_unreadable(trainer: Trainer) -> None:
    for problem in trainer.unreadable:
        say(f"not read: {problem}", err=True)
    if trainer.unreadable:
        say(f"{len(trainer.unreadable)} pictures could not be read and were left out", err=True)
