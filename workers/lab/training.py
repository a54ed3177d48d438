"""A training run as a person sees it: a bar, a state that is kept on an interruption, a card at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import typer
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from pipeline.errors import UsageError
from pipeline.lab.training import run as training
from pipeline.lab.training.checkpoint import lanes_of, refuse_to_lose
from pipeline.lab.training.plan import Plan, Progress
from pipeline.lab.training.run import Choices, Run
from pipeline.lab.training.trainer import Trainer
from workers.assembly.training import load_trainee
from workers.lab import card as model_card
from workers.process.interrupts import interruptible
from workers.settings import Settings
from workers.terminal.console import Terminal
from workers.terminal.plain import say
from workers.terminal.reports import make_writable


@dataclass(frozen=True)
class RunOptions:
    """Where a run computes and what it keeps. Nothing here changes what is learned."""

    out: Path
    """The folder of the model."""
    checkpoint: Path | None
    device: str
    workers: int | None
    """Processes that make batches ahead; with None there are as many as keep the device busy."""
    resume: bool

    @property
    def state(self) -> Path:
        """The file that an interrupted run goes on from."""
        whole = self.out.resolve()
        return self.checkpoint or whole.with_name(f"{whole.name}.checkpoint.pt")


def train(settings: Settings, choices: Choices, options: RunOptions, test_scenes: int) -> None:
    """Train to the end, measure, and write the model's folder with its card.

    Raises `UsageError` and `ModelError` for what cannot work, and `typer.Exit` where it is interrupted.
    """
    device = training.known_device(options.device)
    on_cores = device.type == "cpu"
    _check_state(options)
    choices = replace(choices, cores=_cores(choices, options, on_cores=on_cores))
    run = training.prepare(choices, load_trainee)
    for problem in run.left_out:
        say(f"left out: {problem}", err=True)
    trainer = Trainer(run.plan, run.trainee, run.batches, device, run.names)
    if options.resume:
        trainer.resume(options.state)
    # On a CPU the lanes have the cores already: one process ahead of them keeps all busy.
    busy = 1 if on_cores else max(1, settings.cores - 1)
    _fit(trainer, options.out, options.state, busy if options.workers is None else options.workers)
    _finish(settings, run, trainer, options.out, choices, test_scenes)


def _check_state(options: RunOptions) -> None:
    """See that the checkpoint can be written, and that none is lost by it. Raises `UsageError`."""
    make_writable(options.state.parent, "name another file with --checkpoint")
    if options.state.is_dir():
        raise UsageError(f"--checkpoint {options.state} is a folder: name a file in it")
    if not options.resume:
        refuse_to_lose(options.state)


def _cores(choices: Choices, options: RunOptions, *, on_cores: bool) -> int:
    """A run goes on in as many lanes as it began in, whatever this machine has: another number rounds differently."""
    if not on_cores:
        return 1
    return lanes_of(options.state) if options.resume else choices.cores


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
        trainer.close()


@contextmanager
def _progress(plan: Plan, step: int) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on stderr; where stderr is a file, a line now and then."""
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
    fitted = None
    drawings = model_card.Drawings(choices.font, choices.hands)
    if choices.data is None:
        fitted = model_card.fit_logit_scale(settings, out, trainer, test_scenes, drawings)
    record = training.record(run, trainer, choices, fitted)
    record.write(out)
    if choices.data is None:
        said = model_card.write_for_scenes(settings, out, record, model_card.amounts(test_scenes), drawings)
    else:
        said = model_card.write_for_pairs(settings, out, record, run.held_out)
    _name_unreadable(trainer)
    say(f"{said} Model in {out}; try it with SLUICE_MODEL=local-dir:{out}")


def _name_unreadable(trainer: Trainer) -> None:
    for problem in trainer.unreadable:
        say(f"not read: {problem}", err=True)
    if trainer.unreadable:
        say(f"{len(trainer.unreadable)} pictures could not be read and were left out", err=True)
