"""The command line: ``python -m tests.chaos --help``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import typer
from rich.console import Console

from tests.chaos.audit import audit
from tests.chaos.faults import FAULTS
from tests.chaos.plan import Plan
from tests.chaos.report import as_json, figures, show
from tests.chaos.run import run

LOG = "run.log"


def chaos(
    minutes: float = typer.Option(2.0, help="How long faults are done, after a phase without any."),
    workers: int = typer.Option(2, min=1, help="Worker processes around one encoder process."),
    moderators: int = typer.Option(1, min=1, help="More than 1: each worker is a supervisor of that many."),
    seed: int = typer.Option(None, help="What the schedule is drawn from; default: the clock."),
    faults: str = typer.Option("all", help="Names with commas, all, or none."),
    rate: float = typer.Option(8.0, min=0.1, help="Events a second."),
    events: int = typer.Option(None, min=1, help="Stop after so many events instead of after the minutes."),
    folder: Path = typer.Option(None, help="Where to keep logs and data; default: a temporary folder."),
    as_a_file: Path = typer.Option(None, "--save", help="Write the figures there as JSON, too."),
    json: bool = typer.Option(False, "--json", help="Print figures and breaches as JSON."),
) -> None:
    """Do violence to a real deployment, and hold the promises against what it has answered.

    The exit status is 1 where any promise was broken.
    """
    seed = int(time.time()) if seed is None else seed
    plan = Plan(minutes, workers, moderators, seed, _named(faults), rate, events)
    kept = folder or Path(tempfile.mkdtemp(prefix="sluice-chaos-"))
    kept.mkdir(parents=True, exist_ok=True)
    with (kept / LOG).open("a") as log:

        def tell(what: str) -> None:
            log.write(what + "\n")
            log.flush()
            if sys.stderr.isatty():
                sys.stderr.write(what + "\n")

        evidence = run(plan, kept / time.strftime("%H%M%S"), tell)
    breaches = audit(evidence)
    found = figures(plan, evidence, breaches)
    if as_a_file is not None:
        as_a_file.write_text(as_json(found))
    console = Console(width=None if sys.stdout.isatty() else 120)
    if json:
        sys.stdout.write(as_json(found) + "\n")
    else:
        show(console, found)
    if any(breaches.values()):
        sys.stderr.write(f"promises were broken; all of the run is in {kept}\n")
        raise SystemExit(1)


def _named(faults: str) -> tuple[str, ...]:
    if faults in {"all", "none"}:
        return tuple(FAULTS) if faults == "all" else ()
    names = tuple(name.strip() for name in faults.split(",") if name.strip())
    if unknown := set(names) - set(FAULTS):
        raise typer.BadParameter(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    return names


if __name__ == "__main__":
    typer.run(chaos)
