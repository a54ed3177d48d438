"""Settings as command-line flags: the declaration that serves the variable and the file serves the flag, too."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from workers.process.logs import configure_logging
from workers.settings.environment import variable
from workers.settings.mistakes import unknown_variables
from workers.settings.resolved import GROUPS, Settings, load_settings
from workers.terminal.plain import ReaderGoneError
from workers.terminal.surprises import warn

_CONFIG = typer.Option(
    "--config", help=f"Config file (TOML), one 'setting = value' a line. [{variable('config')}]", show_default=False
)
_DEBUG = typer.Option("--debug", help="Show tracebacks.")


def with_settings(*groups: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command its resolved `Settings` as first argument, and the flags of these groups of settings.

    The command's own parameters stay as they are. Raises `SettingsError` for a value that does not hold.
    """
    flagged = [(name, group) for group in groups for name in GROUPS[group] if _has_flag(name)]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        def run(*, config: Path | None, debug: bool, **given: Any) -> Any:
            del debug  # read by the entry point, before any command runs
            flags = {name: value for name, _ in flagged if (value := given.pop(name)) is not None}
            try:
                settings = load_settings(flags, config)
                configure_logging(settings.log_level, settings.log_format)
            finally:
                for line in unknown_variables(Settings.model_fields):
                    warn(line)
            try:
                return command(settings, **given)
            except BrokenPipeError as error:
                raise ReaderGoneError from error

        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        flags = [_flag(name, group) for name, group in flagged]
        common = [
            _keyword("config", Annotated[Path | None, _CONFIG], None),
            _keyword("debug", Annotated[bool, _DEBUG], default=False),
        ]
        parameters = [*own, *flags, *common]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return decorate


def in_folder(settings: Settings, folder: Path | None) -> Settings:
    """The settings with that folder of policies, where a command was given one as an argument."""
    return settings if folder is None else settings.model_copy(update={"policies": folder})


def _has_flag(name: str) -> bool:
    """Whether commands take it as a flag of its name; some have a flag of their own that stands for it."""
    extra = Settings.model_fields[name].json_schema_extra
    return not (isinstance(extra, dict) and extra.get("flag") is False)


def _flag(name: str, group: str) -> inspect.Parameter:
    field = Settings.model_fields[name]
    switch = field.annotation is bool
    default = None if field.default_factory or field.default in {None, ()} else field.default
    said = "" if switch or default is None or name == "policies" else f" Default: {default}."
    help_text = f"{field.description}{said} [{variable(name)}]"
    option = typer.Option(
        f"--{name.replace('_', '-')}" + (f"/--no-{name.replace('_', '-')}" if switch else ""),
        help=help_text,
        metavar=None if switch else _metavar(field.annotation),
        show_default=False,
        rich_help_panel=group.capitalize(),
    )
    # Text is taken as it comes: Settings checks it, in the same words for a flag, a variable and a file.
    return _keyword(name, Annotated[(bool if switch else str) | None, option], None)


def _metavar(annotation: Any) -> str:
    """The choices, or what kind of text is taken."""
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    kinds = {int: "NUMBER", float: "NUMBER", Path: "PATH"}
    return next((kinds[each] for each in (annotation, *get_args(annotation)) if each in kinds), "TEXT")


def _keyword(name: str, annotation: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
