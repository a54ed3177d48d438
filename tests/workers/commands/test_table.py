"""The table of commands: it says what the commands say themselves, names all of them, and loads none too early."""

from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest
from typer.testing import CliRunner

from workers import cli, commands
from workers.cli import LazyCommand, app
from workers.commands import COMMANDS, Group, called

NO_COMMANDS = {"options"}


def listed() -> Iterator[tuple[str, str]]:
    """Each command as a module below ``workers.commands``, with its line of help."""
    for name, entry in COMMANDS.items():
        if isinstance(entry, Group):
            yield from ((f"{name}.{command}", line) for command, line in entry.commands.items())
        else:
            yield name, entry


def written(command: str) -> str:
    """The name of the command's module below ``workers.commands``."""
    return ".".join(map(called, command.split(".")))


@pytest.mark.parametrize(("module", "line"), list(listed()))
def test_a_line_of_help_is_the_first_paragraph_of_the_commands_docstring(module: str, line: str) -> None:
    command = LazyCommand(f"workers.commands.{module}", line).loaded()
    assert command.name == module.rpartition(".")[2]
    assert " ".join(inspect.cleandoc(command.help).split("\n\n")[0].split()) == line


def test_every_module_is_in_the_table() -> None:
    found = {each.name.removeprefix("workers.commands.") for each in modules() if not each.ispkg}
    assert found - NO_COMMANDS == {written(module) for module, _ in listed()}


@pytest.mark.parametrize("group", [name for name, entry in COMMANDS.items() if isinstance(entry, Group)])
def test_a_group_says_what_its_package_says(group: str) -> None:
    said = (import_module(f"workers.commands.{group}").__doc__ or "").removeprefix(f"``sluice {group}``: ")
    assert f"{said[0].upper()}{said[1:]}" == COMMANDS[group].help  # type: ignore[union-attr]


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["policy", "--help"], ["policy"], ["nonsense"]])
def test_to_list_commands_loads_none(words: list[str]) -> None:
    assert [name for name in loaded_by(words) if name.startswith("workers.commands.")] == []


@pytest.mark.parametrize("module", [module for module, _ in listed()])
def test_a_commands_help_loads_that_command_alone_and_no_torch(module: str) -> None:
    loaded = loaded_by([*module.split("."), "--help"])
    ours = {f"workers.commands.{written(name)}" for name, _ in listed()} & loaded
    assert ours == {f"workers.commands.{written(module)}"}
    assert "torch" not in loaded


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bench", "--count", "1"], "Invalid value for '--count'"),
        (["bench", "pipeline", "--count", "1"], "Invalid value for '--count'"),
        (["bench", "lists", "--entries", "0"], "Invalid value for '--entries'"),
        (["bench", "lists", "--count", "1"], "No such option: --count"),
        (["bench", "nonsense"], "No such command 'nonsense'"),
    ],
)
def test_flags_of_a_group_are_those_of_its_usual_command(words: list[str], said: str) -> None:
    done = CliRunner(env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).invoke(app, words)
    assert done.exit_code == 2
    assert said in done.output


def modules() -> Iterator[pkgutil.ModuleInfo]:
    return pkgutil.walk_packages(commands.__path__, "workers.commands.")


def loaded_by(words: list[str]) -> set[str]:
    """The modules that a process has loaded when it ends."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr, sep='\\n'))\n"
        "from workers.cli import main\n"
        f"sys.argv = ['sluice', *{words!r}]\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert "workers.cli" in done.stderr, done.stderr
    return set(done.stderr.splitlines())


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["policy", "release", "--data"], "sluice policy release --help"),
        (["policy", "releases"], "sluice policy --help"),
        (["scan", "--data"], "sluice scan --help"),
        (["scans"], "sluice --help"),
    ],
)
def test_a_slip_names_the_help_of_what_was_called(
    words: list[str], named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sluice", *words])
    assert cli._status() == cli.EXIT_USAGE
    assert f"(see {named})" in capsys.readouterr().err
