"""A decision of the stream, judged again to be explained: its event and policies, or what the archive has of them."""

from __future__ import annotations

from contextlib import ExitStack, closing

from msgspec.structs import replace

from pipeline.adapters.local.policy_folder import Reading, read_policy_folder
from pipeline.archive.archive import Archive
from pipeline.errors import UsageError
from pipeline.rules.judging import judge as judged
from pipeline.signals import Provenance
from pipeline.wire import Decision
from workers import assembly
from workers.archive.opening import opened_archive
from workers.explain.seen import Seen, seen_event
from workers.history.again import archived_signals, check_model, event_of
from workers.history.events import Events
from workers.history.policy_sets import files_of_version
from workers.history.searching import decisions_called
from workers.services import kafka_topic
from workers.settings import Settings
from workers.terminal.console import Terminal


def decision_called(settings: Settings, terminal: Terminal, archive: str | None, name: str) -> Decision:
    """The newest decision that is called so. Raises `UsageError`."""
    return decisions_called(settings, terminal, archive, name)[0]


def seen_decision(
    settings: Settings, model: assembly.Model, before: Decision, address: str | None
) -> tuple[Seen, assembly.Judge, list[str]]:
    """What is seen of a decision's event, by which policies, and what is to be known of both.

    Raises `UsageError` where it was decided with another model, and where neither event nor features are left.
    """
    check_model(before, model.provenance, "explain")
    with ExitStack() as held:
        archive = held.enter_context(opened_archive(settings, address)) if address or settings.archive_at else None
        written, notes = _written(settings, archive, before, model.provenance)
        judge = assembly.judge_by(written, model, assembly.text_cache(settings))
        events = held.enter_context(closing(Events(lambda name: kafka_topic(settings, name))))
        event, why = event_of(events, before)
        if event is not None:
            fetcher = held.enter_context(closing(assembly.claim_fetcher(settings)))
            return seen_event(settings, judge, event, fetcher), judge, notes
        notes.append(f"{why}: its archived features are explained, and there is no picture to lay a map over")
        return _from_features(archive, judge, before, why), judge, notes


def _written(
    settings: Settings, archive: Archive | None, before: Decision, made_by: Provenance
) -> tuple[Reading, list[str]]:
    try:
        return files_of_version(settings, archive, before.policy_set, made_by), []
    except UsageError as error:
        return read_policy_folder(settings.policies), [
            f"{error}; the policies of {settings.policies} explain it here"
        ]


def _from_features(archive: Archive | None, judge: assembly.Judge, before: Decision, why: str) -> Seen:
    signals = None if archive is None else archived_signals(archive, before.event_id)
    if signals is None:
        missing = "there is no archive (--archive)" if archive is None else "the archive has no such event"
        raise UsageError(f"{before.decision_id} cannot be explained: {why}, and {missing}")
    compiled = judge.live()
    found = judged([signals], compiled)[0]
    version = compiled.policy_set.version
    return Seen(None, signals, replace(before, verdict=found.verdict, scores=found.scores, policy_set=version))
