"""``sluice train``: train the bundled model, a small CLIP on rendered emoji scenes, from nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.options import with_settings
from workers.settings import Settings

if TYPE_CHECKING:
    from pipeline.lab.plan import Plan, Progress
    from pipeline.lab.train import Trainer


@with_settings("log")
def train(
    settings: Settings,  # noqa: ARG001 - taken for its flags
    out: Annotated[Path, typer.Argument(help="Folder for the model (open_clip's local-dir layout).")],
    scenes: Annotated[int, typer.Option(min=1, help="Scenes in the whole run, rounded up to batches.")] = 880_000,
    batch: Annotated[int, typer.Option(min=2, help="Scenes per step.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same run.")] = 0,
    device: Annotated[str, typer.Option(help="A torch device: cpu, cuda, cuda:1, mps.")] = "cpu",
    checkpoint: Annotated[
        Path | None, typer.Option(help="Where to keep the run's state; OUT with .checkpoint.pt added by default.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
    font: Annotated[Path | None, typer.Option(help="NotoColorEmoji.ttf, where the system has none.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 leaves it to torch.")] = 0,
    test_scenes: Annotated[int, typer.Option(min=1, help="Fresh scenes for the test at the end.")] = 2708,
) -> None:
    """Train a small CLIP on rendered emoji scenes, test it on fresh ones, and write its folder and card.

    An interrupted run goes on with --resume exactly as it would have gone. The folder is rewritten every ten minutes,
    so a long run can be tried before it ends.
    """
    import torch

    from pipeline.lab.plan import Plan
    from pipeline.lab.train import Trainer

    if threads:
        torch.set_num_threads(threads)
    _make(out)
    plan = Plan(scenes=scenes, batch=batch, seed=seed, device=_known_device(device), font=font)
    state = checkpoint or out.with_name(f"{out.name}.checkpoint.pt")
    trainer = Trainer(plan, out)
    if resume:
        trainer.resume(state)
    try:
        with _progress(plan, trainer.step) as report:
            trainer.run(state, report)
    except KeyboardInterrupt:
        typer.echo(f"Interrupted at step {trainer.step}: repeat the command with --resume to go on.", err=True)
        raise typer.Exit(130) from None
    _judge(trainer, test_scenes)


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


def _known_device(name: str) -> str:
    """The device's name, if torch can use it here. Raises `UsageError`."""
    import torch

    from pipeline.errors import UsageError

    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"--device {name} cannot be used here ({reason}): try --device cpu") from error
    return name


@contextmanager
def _progress(plan: Plan, step: int) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on stderr; where stderr is a file, a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    if not sys.stderr.isatty():
        yield _lines(every=50)
        return
    columns = (
        TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.3f}  {task.fields[rate]:.0f} scenes/s  eta"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("train", total=plan.steps, completed=step, loss=0.0, rate=0.0)
        yield lambda now: bar.update(task, completed=now.step, loss=now.loss, rate=now.rate)


def _lines(every: int) -> Callable[[Progress], None]:
    """A reporter that prints each ``every``-th step."""

    def report(now: Progress) -> None:
        if now.step % every == 0 or now.step == now.steps:
            typer.echo(f"step {now.step}/{now.steps}  loss {now.loss:.3f}  {now.rate:.0f} scenes/s", err=True)

    return report


def _judge(trainer: Trainer, test_scenes: int) -> None:
    """Fit the finished model's logit scale, test it on fresh scenes, and write its folder and card."""
    from pipeline.lab.bpe import MERGES
    from pipeline.lab.card import Facts, write_card
    from pipeline.lab.evaluate import evaluate
    from pipeline.lab.model import export, load
    from pipeline.lab.temperature import fit_scale

    loaded = load(trainer.folder)
    scale = fit_scale(loaded, trainer.atlas, test_scenes)
    export(trainer.folder, loaded.model.state_dict(), MERGES)
    report = evaluate(loaded, trainer.atlas, test_scenes)
    alone = evaluate(loaded, trainer.atlas, test_scenes, scraps=False)
    parameters = sum(value.numel() for value in loaded.model.parameters())
    write_card(trainer.folder, Facts(trainer.plan, report, alone, parameters, scale))
    typer.echo(
        f"Zero-shot top-1 among {report.classes} names: {alone.top1:.1%} of {alone.scenes} fresh scenes,"
        f" {report.top1:.1%} where scraps of other things lie about. "
        f"Model in {trainer.folder}; try it with SLUICE_MODEL=local-dir:{trainer.folder}"
    )
