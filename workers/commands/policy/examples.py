"""``sluice policy examples``: what people said of images becomes pictures that a policy shows what it means by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.adapters.local.policy_folder import policies_in, read_policy_folder
from pipeline.errors import UsageError
from pipeline.lab.thresholds.write_back import check_writable
from pipeline.rules.policies.examples_added import examples_lines
from pipeline.rules.policies.names import SUFFIXES
from workers.archive.opening import opened_archive, segments_in
from workers.archive.options import ArchiveAt, Since, Until
from workers.commands.options import AsJson, Labels, OnePolicy
from workers.policies.named import meant
from workers.policies.reviewed_pictures import Pictured, globs_of, pictured, write
from workers.reviews.quality import reviews_of
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import window_of
from workers.terminal.console import Terminal
from workers.terminal.plain import say

Most = Annotated[int, typer.Option(min=2, max=64, help="Pictures of each class, the newest first.")]
Write = Annotated[bool, typer.Option("--write", help="Write the pictures beside the policy, and name them in it.")]


@with_settings("policies", "store", "log")
def examples(
    settings: Settings,
    policy: OnePolicy,
    archive: ArchiveAt = None,
    since: Since = None,
    until: Until = None,
    labels: Labels = None,
    most: Most = 16,
    write_them: Write = False,
    as_json: AsJson = False,
) -> int:
    """Make examples of a policy's reviewed images: those that show it, and those that it flagged wrongly.

    Pictures are the archive's thumbnails. Nothing is written without --write.
    """
    files, path = _file(settings, policy)
    if write_them:
        check_writable(settings.policies)
    window, terminal = window_of(since, until), Terminal()
    with opened_archive(settings, archive) as opened:
        segments = segments_in(opened, window)
        known = [each.id for each in policies_in(settings.policies).policies]
        reviews = reviews_of(opened, window, labels, known, policy)[policy]
        with terminal.counting("segments", len(segments)) as counter:
            seen = pictured(opened, segments, window, policy, reviews, most, counter.advance)
    if write_them:
        write(path, files, policy, seen)
    if as_json:
        terminal.json(json.dumps(_record(policy, seen, path, written=write_them)))
        return 0
    _tell(policy, seen, path, written=write_them)
    return 0


def _file(settings: Settings, policy: str) -> tuple[dict[str, bytes], Path]:
    policies = [each.id for each in policies_in(settings.policies).policies]
    if policy not in policies:
        hint = meant(policy, policies) or f"there are {', '.join(policies)}"
        raise UsageError(f"{settings.policies}: no policy is called {policy!r}; {hint}")
    files = dict(read_policy_folder(settings.policies).files)
    return files, next(Path(each) for each in files if Path(each).stem == policy and each.endswith(SUFFIXES))


def _tell(policy: str, seen: Pictured, path: Path, *, written: bool) -> None:
    say(f"{policy}: {seen.of('match'):,} pictures that show it, {seen.of('look_alike'):,} that it flagged wrongly")
    if seen.without:
        say(f"{seen.without:,} more have no thumbnail")
    if seen.missing:
        say(f"{seen.missing:,} reviewed images are not in this archive")
    for line in examples_lines(globs_of(policy, seen)):
        say(f"  {line}")
    if written:
        say(
            f"Written: {path.name}, and {len(seen.pictures)} pictures in examples/{policy}/",
            "`sluice policy check --examples` says what they find of each other, and whether they are used.",
        )
    else:
        say(f"Nothing is written yet; --write adds these lines to {path.name}, and the pictures beside it")


def _record(policy: str, seen: Pictured, path: Path, *, written: bool) -> dict[str, object]:
    return {
        "policy": policy,
        "pictures": [
            {"class": each.of, "event_id": each.event_id, "name": f"examples/{policy}/{each.name}"}
            for each in seen.pictures
        ],
        "without_thumbnail": seen.without,
        "not_in_archive": seen.missing,
        "examples": globs_of(policy, seen),
        "written": [str(path)] if written else [],
    }
