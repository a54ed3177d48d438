"""``sluice doctor`` looks whether everything is there that a worker needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import msgspec
import typer

from workers.commands.options import AsJson
from workers.doctor import archive, console, judging, kafka, machine, redis
from workers.doctor.examination import Check, examine
from workers.doctor.finding import Finding
from workers.process.logs import configure_logging
from workers.settings import GROUPS, Settings, variable
from workers.settings.options import with_settings
from workers.terminal.console import Terminal, told

SCHEMA = "sluice.doctor.v1"
EXIT_FAILED = 1
STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


@with_settings(*GROUPS)
def doctor(
    settings: Settings,
    seconds: Annotated[
        float, typer.Option(min=1, help="Most seconds for a check; six times that for a model.")
    ] = 15.0,
    archive_at: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|s3://...|gs://...|az://...",
            help=f"The archive to look at. [{variable('archive_at')}]",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Look whether everything is there that a worker needs: a line for each thing, with what to do.

    It joins no group, and writes nothing but a value of a second's life in Redis, an empty file in the folder for
    the state and an object in the archive, which go at once. Exit status 0: nothing fails, though there may be
    warnings. 1: something does.
    """
    if archive_at is not None:
        settings = settings.model_copy(update={"archive_at": archive_at})
    configure_logging("error", settings.log_format)  # the findings say it
    terminal, found = Terminal(), {}
    for name, finding in examine(checks(settings, seconds)):
        found[name] = finding
        if not as_json:
            _print(terminal, name, finding)
    failed = any(each.status == "fail" for each in found.values())
    if as_json:
        said = [{"check": name, **msgspec.structs.asdict(each)} for name, each in found.items()]
        terminal.json(msgspec.json.encode({"schema": SCHEMA, "well": not failed, "checks": said}).decode())
    return EXIT_FAILED if failed else 0


def checks(settings: Settings, seconds: float) -> list[Check]:
    """All there is to look at, in the order in which it is told."""
    looks: dict[str, Callable[[Settings], Any]] = {
        "settings": machine.config,
        "codecs": kafka.codecs,
        "broker": kafka.broker,
        "topic": kafka.topics,
        "clock": machine.clock,
        "redis": redis.redis,
        "policies": judging.policies,
        "model": judging.model,
        "disk": machine.disk,
        "archive": archive.archive,
        "memory": machine.memory,
        "metrics port": machine.metrics_port,
        "console": console.console,
        "api": console.api,
    }
    patience = {"model": 6 * seconds}
    return [Check(name, partial(look, settings), patience.get(name, seconds)) for name, look in looks.items()]


def _print(terminal: Terminal, name: str, finding: Finding) -> None:
    status = (f"{finding.status:<4}", STYLES[finding.status])
    todo = (f"  -> {finding.todo}", "dim") if finding.todo else ""
    terminal.print(told(status, f"  {name:<14} {finding.found}", todo))
