"""Every policy set that goes live is sent to the archive, so that its decisions can be made again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

import structlog

from pipeline.errors import RefusedError
from pipeline.ports import Hooks, RecordWriter
from pipeline.rules.archive.kept_assets import kept_assets
from pipeline.rules.archive.set_parts import in_parts
from pipeline.rules.policies.assets import NO_ASSETS, Assets
from pipeline.wire import ArchiveRecord, PolicySetRecord, Record, archive_record_bytes, rfc3339
from workers.outbox import Outbox

PAUSE = 5.0
"""Seconds between two tries to send a set to a broker that is away."""
MOST = 1_000
"""Sets that wait for a broker that is away; the next start sends the one that is live then."""
_log = structlog.get_logger(__name__)


def policy_set_record(version: str, files: Mapping[str, bytes], assets: Assets, now: float) -> PolicySetRecord:
    """What an archive keeps of a set that goes live now; `assets` are those of `LivePolicies`."""
    kept = kept_assets(assets)
    seen = next((each for each in kept.values() if each.model is not None), None)
    return PolicySetRecord(
        version=version,
        files=dict(files),
        live_at=rfc3339(now),
        assets=kept,
        model=seen.model if seen else None,
        preprocess=seen.preprocess if seen else "",
    )


class PolicySetsSent(Hooks):
    """Sends sets, each until it is acknowledged, in the order in which they went live.

    The path never waits for it: `went_live` puts the files down and returns.
    """

    def __init__(
        self,
        connect: Callable[[], RecordWriter],
        topic: str,
        now: Callable[[], float] = time.time,
        pause: float = PAUSE,
    ) -> None:
        """`connect` gives a writer, and may raise `ServiceError`; it is called on another thread."""
        self._topic = topic
        self._now = now
        self._outbox = Outbox[PolicySetRecord](
            connect,
            self._send,
            lambda why: _log.warning("policy_sets_wait", topic=topic, error=why, again_in=pause),
            pause=pause,
            most=MOST,
            name="sluice-policy-sets",
        )

    def went_live(self, version: str, files: Mapping[str, bytes], assets: Assets = NO_ASSETS) -> None:
        record = policy_set_record(version, files, assets, self._now())
        if left_out := [path for path, each in record.assets.items() if each.left_out]:
            said = "too large to be kept with the set; to make its decisions again takes the folder as it was"
            _log.warning("policy_set_without_lists", version=version, lists=left_out, reason=said)
        if not self._outbox.put(record):
            self._not_sent([record])

    def close(self) -> None:
        """Send what waits, or else give it up with a log line. Idempotent."""
        if left := self._outbox.close():
            self._not_sent(left)

    def _send(self, writer: RecordWriter, sets: Sequence[PolicySetRecord]) -> None:
        for each in sets:
            parts, rest = in_parts(each)
            records: list[ArchiveRecord] = [*parts, rest]
            try:
                for record in records:
                    writer.write([Record(self._topic, each.version.encode(), archive_record_bytes(record))])
            except RefusedError as error:
                said = "the archive will not have this set; to make its decisions again takes the folder as it was"
                _log.error(
                    "policy_set_refused", topic=self._topic, version=each.version, error=str(error), means=said
                )

    def _not_sent(self, sets: Sequence[PolicySetRecord]) -> None:
        _log.warning("policy_sets_not_sent", topic=self._topic, versions=[each.version for each in sets])


@contextmanager
def policy_sets_sent(connect: Callable[[], RecordWriter], topic: str, *, on: bool) -> Iterator[Hooks]:
    """What listens for sets that go live and sends them, where they are to be remembered; else what does nothing."""
    if not on:
        yield Hooks()
        return
    with closing(PolicySetsSent(connect, topic)) as sent:
        yield sent
