"""Where ``sluice`` begins, and ends: Ctrl-C ends it in one line before the first slow import, and from then on."""

from __future__ import annotations

from workers.process.ending import no_teardown
from workers.process.interrupts import end_at_once
from workers.process.startup import no_collection


def main() -> None:
    end_at_once()
    with no_teardown():
        with no_collection():
            from workers import cli  # noqa: PLC0415 - Ctrl-C ends this import, too

        cli.main()
