"""``sluice``: the command line. One module in ``workers/commands`` for each command."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version

import typer
from typer.exceptions import TyperException

from pipeline.errors import StopError, UsageError
from workers.commands import (
    bench,
    card,
    config,
    demo,
    encoder,
    evaluate,
    policy,
    scan,
    send,
    tail,
    topics,
    train,
    worker,
)
from workers.signals import leave
from workers.startup import import_nothing_from_here
from workers.streams import stand_on_firm_ground

EXIT_STOPPED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Streaming image moderation: plain-English policies, CLIP, Kafka in, decisions out.",
)
app.command("demo")(demo.demo)
app.command("scan")(scan.scan)
app.command("bench")(bench.bench)
app.command("worker")(worker.worker)
app.command("encoder")(encoder.encoder)
app.command("send")(send.send)
app.command("tail")(tail.tail)
app.add_typer(policy.app, name="policy")
app.add_typer(topics.app, name="topics")
app.add_typer(config.app, name="config")
app.command("evaluate")(evaluate.evaluate)
app.command("train")(train.train)
app.command("card")(card.card)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    show_version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    if show_version:
        typer.echo(f"sluice {version('sluice')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line; a person's mistake is one line on stderr and exit status 2."""
    stand_on_firm_ground()
    import_nothing_from_here()
    debug = "--debug" in sys.argv
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except (UsageError, StopError) as error:
        if isinstance(error.__cause__, BrokenPipeError):
            status = _pipe_closed()
        elif debug:
            raise
        else:
            typer.echo(f"sluice: {error}", err=True)
            status = EXIT_USAGE if isinstance(error, UsageError) else EXIT_STOPPED
    except TyperException as error:
        status = _refused(error)
    except (typer.Abort, KeyboardInterrupt):
        status = EXIT_INTERRUPTED
    except BrokenPipeError:
        status = _pipe_closed()
    leave(status if isinstance(status, int) else 0)


def _refused(error: TyperException) -> int:
    """A command line that does not parse. Where a command is missing, typer has printed the help by now."""
    if reason := error.format_message():
        typer.echo(f"sluice: {reason} (see {' '.join(['sluice', *sys.argv[1:2]])} --help)", err=True)
    return EXIT_USAGE


def _pipe_closed() -> int:
    """The reader of our pipe (head, less) is gone: end quietly, and keep Python's exit from flushing into it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
