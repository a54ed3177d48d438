"""``sluice archive erase``: what somebody has a right to have forgotten."""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from pipeline.archive.erasing.erasure import Found, look
from pipeline.archive.erasing.erasure import erase as erase_from
from pipeline.archive.erasing.receipts import NOT_REACHED, Said, receipt_json, receipt_of
from pipeline.errors import UsageError
from pipeline.wire import rfc3339
from workers.archive.erasing import Hashes, Images, Subjects, asked
from workers.archive.opening import opened_archive
from workers.archive.options import ArchiveAt
from workers.process.interrupts import keeping
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.plain import say


@with_settings("store", "fetch", "log")
def erase(
    settings: Settings,
    image: Images = [],  # noqa: B006 - typer copies it
    sha256: Hashes = [],  # noqa: B006
    subject: Subjects = [],  # noqa: B006
    archive: ArchiveAt = None,
    receipt: Annotated[Path | None, typer.Option(help="Write the receipt there; else to standard output.")] = None,
    by: Annotated[str, typer.Option(help="Who asked, or the number of the request: for the receipt.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Erase images from an archive: hidden at once, gone when it returns, with a receipt.

    Any number of --image, --sha256 and --subject, which it asks nothing about. Every reader leaves them out from the
    first second on, and archivers take them in no more. Then each segment that holds them is written anew without
    their rows and thumbnails, and so are their reviews. Killed half-way it goes on when it is run again. What it
    cannot reach it says, in the receipt too; `sluice archive verify-erased` checks a receipt.
    """
    meant = asked(image, sha256, subject)
    if receipt is not None and not dry_run:
        receipt.touch()  # what cannot be written there is said before anything is done
    if not meant:
        raise UsageError("erase what? say --image ID, --sha256 HEX or --subject WHOM, each as often as you like")
    terminal, began = Terminal(), time.time()
    with opened_archive(settings, archive) as opened, terminal.counting("looking through the archive", 0) as counter:
        store = opened.store
        if dry_run:
            _tell(look(store, meant, counter.more), "would go")
            return
        with keeping(lambda: "interrupted: hidden it is; the same command goes on taking out the bytes"):
            found = erase_from(store, meant, rfc3339(began), by, counter.more)
    said = Said(store.address, by, rfc3339(began), rfc3339(time.time()), version("sluice"))
    written = receipt_json(receipt_of(found, [each.erased for each in meant], said))
    if receipt is None:
        typer.echo(written.decode())
    else:
        receipt.write_bytes(written + b"\n")
    _tell(found, "are gone")
    if not found.held:
        say("nothing in the archive had it; it is denied from now on, and is never taken in", err=True)
    say("not reached:", *(f"  {each}" for each in NOT_REACHED), err=True)


def _tell(found: Found, what: str) -> None:
    counted = f"{found.events:,} events with {found.rows:,} rows, {found.reviews:,} reviews"
    unreadable = f", {found.unreadable:,} unreadable records" if found.unreadable else ""
    say(f"{counted}{unreadable} {what}; {len(found.held):,} of {found.objects:,} objects held them", err=True)
