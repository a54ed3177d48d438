"""Whether a person means what they have asked for."""

from __future__ import annotations

import sys

import typer

from pipeline.errors import UsageError
from workers.terminal.plain import visible


def make_sure(question: str, *, yes: bool, otherwise: str) -> None:
    """Return where it is meant: it was said beforehand (`yes`), or a person at a terminal says so now.

    Raises `UsageError` where nobody can be asked, with what to do otherwise, and `typer.Abort` at a no.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{question} Say so with --yes{otherwise}")
    typer.confirm(visible(question), abort=True, err=True)
