"""Where a policy is tried: in the archive, or else on what has just streamed by."""

from __future__ import annotations

from pipeline.rules.heads import CompiledPolicies
from workers.console.console import Console
from workers.console.in_time import in_time
from workers.console.policies.trial import Trial, tried_on_recent

LIMIT = 15.0
"""Seconds for the archive, its listing and whatever a bucket takes among them."""


def tried(console: Console, now: CompiledPolicies, before: CompiledPolicies | None) -> Trial:
    """What the one policy of `now` comes to, beside what it came to as it was.

    An archive that is away, or has nothing of this model yet, is said so. Raises `SluiceError` for a model.
    """
    if console.reach.archive is None:
        return tried_on_recent(console.recent.sample(), now, before)
    from workers.console.policies.past import tried_on_archive  # noqa: PLC0415 - Parquet's library

    made_by, opened = console.reach.judge().model.provenance, console.reach.archive

    def past() -> Trial | None:
        with opened() as archive:
            return tried_on_archive(console.settings, archive, made_by, now, before)

    found = in_time(LIMIT, past, "the archive does not answer")
    return found or tried_on_recent(console.recent.sample(), now, before)
