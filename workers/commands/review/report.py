"""``sluice review report``: what people's reviews say of policies."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline.errors import UsageError
from workers.archive.opening import opened_archive, segments_in
from workers.archive.options import ArchiveAt, Since, Until
from workers.archive.reading import reading
from workers.commands.options import AsJson
from workers.reviews.quality import quality, reviews_of
from workers.reviews.shown import as_json as told_as_json
from workers.reviews.shown import show
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import window_of
from workers.terminal.console import Terminal

Policy = Annotated[str | None, typer.Option(help="Only this policy.")]


@with_settings("store", "log")
def report(
    settings: Settings,
    archive: ArchiveAt = None,
    since: Since = "7d",
    until: Until = None,
    policy: Policy = None,
    as_json: AsJson = False,
) -> None:
    """Say how much of what each policy flags is right, and how much it misses, by people's reviews.

    Reviews are of events decided within the window, a week without --since; each stands for one over the chance with
    which it was chosen. What is missed takes reviews of allowed images: see the setting review_sample.
    """
    window, terminal = window_of(since, until), Terminal()
    with opened_archive(settings, archive) as opened:
        segments = segments_in(opened, window)
        reviews = reviews_of(opened, window, None, (), policy)
        with reading(terminal, "reading", segments) as advance:
            found = quality(opened, segments, window, reviews, advance)
    if not found.policies:
        count = sum(len(each.labels) for each in reviews.values())
        raise UsageError(
            f"the archive {found.archive} holds none of the {count:,} reviewed images among what was decided then"
        )
    if as_json:
        terminal.json(json.dumps(told_as_json(found)))
    else:
        show(found, terminal)
