"""``sluice archive verify-erased``: what an auditor runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.archive.erasing.receipts import parse_receipt
from pipeline.archive.erasing.verifying import verify
from pipeline.errors import UsageError
from workers.archive.erasing import Hashes, Images, Subjects, asked
from workers.archive.opening import opened_archive
from workers.archive.options import ArchiveAt
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.plain import say

EXIT_FOUND = 1


@with_settings("store", "fetch", "log")
def verify_erased(
    settings: Settings,
    receipt: Annotated[Path, typer.Argument(help="The receipt that sluice archive erase wrote.")],
    image: Images = [],  # noqa: B006 - typer copies it
    sha256: Hashes = [],  # noqa: B006
    subject: Subjects = [],  # noqa: B006
    archive: ArchiveAt = None,
) -> int:
    """See that an erasure holds: the whole archive is searched again by its receipt.

    The receipt has digests of what was erased. Who knows what they stand for says it again, by --image, --sha256 and
    --subject: the raw bytes of every object are then searched as well. Exit status 0: it holds. 1: it does not; each
    reason is a line. 2: that is no receipt, or it was changed since it was written.
    """
    read = parse_receipt(receipt.read_bytes(), str(receipt))
    values = asked(image, sha256, subject)
    for each in values:
        if each.erased not in read.asked:
            raise UsageError(
                f"{receipt} is of another erasure: --{each.kind} {each.value} is none of what it was asked"
            )
    terminal = Terminal()
    with opened_archive(settings, archive) as opened, terminal.counting("searching the archive", 0) as counter:
        found = verify(opened.store, read, values, counter.more)
    for problem in found.problems:
        say(problem)
    say(
        f"{receipt}: it {'does not hold' if found.problems else 'holds'}; {found.objects:,} objects searched",
        f"{len(read.rewritten):,} objects were rewritten: {found.as_left:,} are as they were left,"
        f" {found.changed:,} were rewritten again since, {found.gone:,} are gone since",
    )
    return EXIT_FOUND if found.problems else 0
