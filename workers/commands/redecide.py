"""``sluice redecide``: a new rule reaches back to what was decided before there was one."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from pipeline.archive.archive import Archive, Segment
from pipeline.archive.policy_sets import keep_policy_set
from pipeline.archive.redecided import Anew, Redecisions
from pipeline.archive.segments import contents
from pipeline.errors import UsageError
from pipeline.ports import Hooks
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.list_entries import pdq_of_the_past
from pipeline.rules.redeciding import Changes
from workers import assembly
from workers.archive.opening import opened_archive, segments_made_by
from workers.archive.options import ArchiveAt, Since, Until
from workers.history.publishing import MOST, Publishing
from workers.history.redecide import Redeciding, newest_in
from workers.history.redecided import Report
from workers.policies.named import meant
from workers.policies.other_model import SayOtherModel
from workers.policies.sent import policy_set_record
from workers.process.interrupts import keeping
from workers.services import kafka_publisher
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import window_of
from workers.terminal.console import Terminal
from workers.terminal.plain import one_line

RATE = 50.0
"""Decisions a second: readers of the topic act on each."""


@with_settings("kafka", "topics", "model", "images", "policies", "store", "log")
def redecide(
    settings: Settings,
    policy: Annotated[
        list[str] | None,
        typer.Argument(metavar="[POLICY]...", help="Only where one of these matches otherwise; default: any."),
    ] = None,
    archive: ArchiveAt = None,
    since: Since = None,
    until: Until = None,
    changes: Annotated[str, typer.Option(help="What must change: verdict or matches.")] = "verdict",
    publish: Annotated[bool, typer.Option("--publish", help="Publish; without it nothing is written.")] = False,
    rate: Annotated[float, typer.Option(min=0.01, max=100_000, help="Most decisions a second.")] = RATE,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a decision.")] = False,
) -> None:
    """Decide archived events anew by the policies of the folder, where that changes their verdict.

    Without --publish it only says what would change. The new decision has the event id, image id and source of the
    old one, which it names in `supersedes`. It is kept in the archive before it is published: whoever is ended and
    runs the command again goes on, and what may have been published comes again under the same ids. Decisions by
    these very policies, canaries and what is erased are left out.
    """
    window, kind = window_of(since, until), _kind(changes)
    if since is None:
        raise UsageError("say how far back: --since, such as 7d")
    with ExitStack() as held:
        store = held.enter_context(opened_archive(settings, archive))
        terminal = Terminal()
        with terminal.status("loading the model and the policies"):
            model = assembly.load_model(settings, one_caller=True)
            judge = assembly.judge(settings, model, SayOtherModel())
        compiled = judge.live()
        if left_out := pdq_of_the_past(compiled.policy_set):
            terminal.note(f"sluice: {left_out}")
        segments = segments_made_by(store, window, model.provenance)
        screen = assembly.screen(settings, [compiled])
        work = Redeciding(store, window, compiled, kind, _named(policy or [], compiled), time.time, screen)
        report = Report(terminal, work.seen, publishes=publish, as_json=as_json)
        publishing = None
        if publish:
            publisher = held.enter_context(closing(kafka_publisher(settings, Hooks())))
            publishing = Publishing(store, publisher, rate)
            _keep_policies(store, judge)
        counter = held.enter_context(terminal.counting("deciding anew", len(segments)))
        held.enter_context(keeping(lambda: f"interrupted: {report}; the same command goes on from there"))
        for segment in segments:
            _redecide(store, segment, work, publishing, report)
            counter.advance()
        if publishing is not None and publishing.again:
            terminal.note(f"published first, and maybe again: {publishing.again:,} decisions of a run that was ended")
    report.sum_up()


def _redecide(
    archive: Archive, segment: Segment, work: Redeciding, publishing: Publishing | None, report: Report
) -> None:
    """One segment. What is found is kept and published `MOST` at a time."""
    redecisions = Redecisions(archive.store)
    with archive.file(segment) as file:
        known = redecisions.of(segment, contents(file, segment.path).end)
    if publishing is not None:
        publishing.finish(known)
    waiting: list[Anew] = []
    for change in work.changes(segment, newest_in(redecisions, known)):
        report.add(change)
        waiting.append(change.made)
        if publishing is not None and len(waiting) == MOST:
            publishing.publish(segment, known, waiting)
            waiting = []
    if publishing is not None and waiting:
        publishing.publish(segment, known, waiting)


def _kind(said: str) -> Changes:
    if said not in get_args(Changes):
        raise UsageError(f"--changes {said}: say {' or '.join(get_args(Changes))}")
    return cast("Changes", said)


def _named(said: list[str], compiled: CompiledPolicies) -> frozenset[str]:
    """The ids of the policies, each said as such or as its file."""
    ids = frozenset(Path(each).stem if each.endswith((".yaml", ".yml")) else each for each in said)
    if unknown := ids.difference(compiled.ids):
        hint = meant(min(unknown), compiled.ids) or f"there are {', '.join(compiled.ids)}"
        raise UsageError(f"no active policy is called {one_line(min(unknown))}; {hint}")
    return ids


def _keep_policies(archive: Archive, judge: assembly.Judge) -> None:
    """So that `sluice replay` has them, though no worker may ever have had them live."""
    version = judge.live().policy_set.version
    keep_policy_set(archive.store, policy_set_record(version, judge.files, judge.live.assets, time.time()))
