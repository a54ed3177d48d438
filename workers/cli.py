"""``sluice``: the command line. Its commands are named in ``workers/commands``, and loaded when they are run."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from pipeline.errors import StopError, UsageError
from workers.commands import COMMANDS, Group, called
from workers.process.ending import leave
from workers.process.interrupts import EXIT_INTERRUPTED, end_at_once
from workers.process.startup import import_nothing_from_here, no_collection
from workers.process.streams import stand_on_firm_ground
from workers.terminal.plain import ReaderGoneError, say
from workers.terminal.surprises import complain, say_surprises_safely, say_trace

EXIT_STOPPED = 1
EXIT_USAGE = 2
EXIT_BUG = 70
ANSWER_WITH_1 = (
    ["policy"],
    ["scan"],
    ["backtest"],
    ["search"],
    ["embed"],
    ["dlq"],
    ["doctor"],
    ["decision"],
    ["replay"],
)
"""Commands whose status 1 is a finding about images, so that work which had to stop ends with another status."""


class LazyCommand(TyperCommand):
    """A command by its name and line of help; its module is imported when it is run, or asked for its own help.

    The module and its function are `called` as the command is, as far as Python's names allow.
    """

    def __init__(self, module: str, help_line: str) -> None:
        super().__init__(module.rpartition(".")[2], help=help_line)
        self.module = module

    def loaded(self) -> Any:
        """The command with its options, which the function of the module's own name declares."""
        with no_collection():
            module = import_module(".".join(map(called, self.module.split("."))))
        app = typer.Typer(add_completion=False)
        app.command(self.name)(getattr(module, called(str(self.name))))
        return typer.main.get_command(app)

    def make_context(self, *args: Any, **how: Any) -> Any:
        """The context of the loaded command, with which typer then goes on."""
        return self.loaded().make_context(*args, **how)


class NamedGroup(TyperGroup):
    """Commands of a common first word. Where none is named, its flags are those of the usual one, if there is one."""

    def __init__(self, name: str, group: Group, commands: dict[str, Any]) -> None:
        said = f" Without a command: {group.usual}." if group.usual else ""
        super().__init__(name=name, help=group.help + said, commands=commands, no_args_is_help=not group.usual)
        self.usual = group.usual

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the usual command before flags of its own."""
        if self.usual and (not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)):
            args.insert(0, self.usual)
        return super().parse_args(ctx, args)


class LazyGroup(TyperGroup):
    """The commands of ``workers/commands``."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**{**how, "commands": _lazily(COMMANDS)})


def _lazily(table: Mapping[str, str | Group], package: str = "workers.commands") -> dict[str, Any]:
    def of(module: str, entry: str | Group) -> Any:
        if isinstance(entry, str):
            return LazyCommand(module, entry)
        return NamedGroup(module.rpartition(".")[2], entry, _lazily(entry.commands, module))

    return {name: of(f"{package}.{name}", entry) for name, entry in table.items()}


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Streaming image moderation: plain-English policies, CLIP, Kafka in, decisions out.",
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    show_version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    if show_version:
        say(f"sluice {version('sluice')}")
    elif context.invoked_subcommand is None:
        say(*context.get_help().splitlines())


def main() -> None:
    """Run the command line; a person's mistake is one line on stderr and exit status 2."""
    end_at_once()
    stand_on_firm_ground()
    import_nothing_from_here()
    say_surprises_safely()
    with suppress(AttributeError):  # a test's stream is of another kind
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # no name that cannot be printed
    leave(_status())


def _status() -> int:
    """Run the command and return its exit status."""
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except (UsageError, StopError) as error:
        status = _reader_gone() if isinstance(error.__cause__, ReaderGoneError) else _failed(error)
    except TyperException as error:
        status = _refused(error)
    except (typer.Abort, KeyboardInterrupt):
        complain("interrupted")
        status = EXIT_INTERRUPTED
    except (ReaderGoneError, BrokenPipeError):
        status = _reader_gone()
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        status = _reader_gone()  # typer ends so when the pipe breaks while it prints a help page
    except Exception as error:  # noqa: BLE001 - whatever it is, no status may say what a command did not find
        status = _surprised(error)
    return status if isinstance(status, int) else 0


def _surprised(error: Exception) -> int:
    """A file or a device that fails is a person's to mend and takes a line; anything else is a bug, told in full."""
    if isinstance(error, OSError) and "--debug" not in sys.argv:
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return EXIT_USAGE
    say_trace(error)
    return EXIT_BUG


def _failed(error: UsageError | StopError) -> int:
    if "--debug" in sys.argv:
        say_trace(error)
    elif isinstance(error, UsageError):
        complain(*error.lines)
    else:
        complain(str(error))
    answers = sys.argv[1:2] in ANSWER_WITH_1
    return EXIT_USAGE if isinstance(error, UsageError) or answers else EXIT_STOPPED


def _refused(error: TyperException) -> int:
    """A command line that does not parse. Where a command is missing, typer has printed the help by now."""
    if reason := error.format_message():
        complain(f"{reason} (see {' '.join(['sluice', *_command()])} --help)")
    return EXIT_USAGE


def _command() -> list[str]:
    """The words of the command line that name a command, or as many of them as do."""
    first, *others = sys.argv[1:] or [""]
    group = COMMANDS.get(first)
    second = others[:1] if isinstance(group, Group) and others[:1] and others[0] in group.commands else []
    return [first, *second] if group else []


def _reader_gone() -> int:
    """The reader of our pipe (head, less) has what it wanted: no error, and nothing to say."""
    _discard_output()
    return 0


def _discard_output() -> None:
    """Keep Python's exit from flushing into what cannot be written to."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
