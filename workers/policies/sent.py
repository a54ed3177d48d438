"""Every policy set that goes live is sent to the archive, so that its decisions can be made again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from threading import Condition, Thread

import structlog

from pipeline.errors import PublishError, RefusedError, ServiceError
from pipeline.ports import Hooks, RecordWriter
from pipeline.rules.archive.kept_assets import kept_assets
from pipeline.rules.archive.set_parts import in_parts
from pipeline.rules.policies.assets import NO_ASSETS, Assets
from pipeline.wire import ArchiveRecord, PolicySetRecord, Record, archive_record_bytes, rfc3339

PAUSE = 5.0
"""Seconds between two tries to send a set to a broker that is away."""
LEAVING = 5.0
"""Seconds that the end waits for sets that have not been sent; the next start sends the one that is live then."""
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
    """Sends sets on a thread of its own, each until it is acknowledged, in the order in which they went live.

    The path never waits for it: `went_live` puts the files down and returns.
    """

    def __init__(
        self,
        connect: Callable[[], RecordWriter],
        topic: str,
        now: Callable[[], float] = time.time,
        pause: float = PAUSE,
    ) -> None:
        """`connect` gives a writer, and may raise `ServiceError`; it is called on that thread."""
        self._connect = connect
        self._topic = topic
        self._now = now
        self._pause = pause
        self._waiting: dict[str, PolicySetRecord] = {}
        self._changed = Condition()
        self._closing = False
        self._thread = Thread(target=self._run, name="sluice-policy-sets", daemon=True)
        self._thread.start()

    def went_live(self, version: str, files: Mapping[str, bytes], assets: Assets = NO_ASSETS) -> None:
        record = policy_set_record(version, files, assets, self._now())
        if left_out := [path for path, each in record.assets.items() if each.left_out]:
            said = "too large to be kept with the set; to make its decisions again takes the folder as it was"
            _log.warning("policy_set_without_lists", version=version, lists=left_out, reason=said)
        with self._changed:
            self._waiting[version] = record
            self._changed.notify_all()

    def close(self) -> None:
        """Wait a little for what has not been sent, then give it up with a log line. Idempotent."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, LEAVING)
            self._closing = True
            self._changed.notify_all()
        self._thread.join(LEAVING)
        if self._waiting:
            _log.warning("policy_sets_not_sent", topic=self._topic, versions=list(self._waiting))

    def _run(self) -> None:
        while (record := self._next()) is not None:
            try:
                with closing(self._connect()) as writer:
                    while record is not None:
                        self._send(writer, record)
                        record = self._next()
            except (PublishError, ServiceError) as error:
                _log.warning("policy_set_waits", topic=self._topic, error=str(error), again_in=self._pause)
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, self._pause)

    def _next(self) -> PolicySetRecord | None:
        """The set that has waited the longest, once there is one; None when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return None if self._closing else next(iter(self._waiting.values()))

    def _send(self, writer: RecordWriter, record: PolicySetRecord) -> None:
        parts, rest = in_parts(record)
        records: list[ArchiveRecord] = [*parts, rest]
        try:
            for each in records:
                writer.write([Record(self._topic, record.version.encode(), archive_record_bytes(each))])
        except RefusedError as error:
            said = "the archive will not have this set, and to make its decisions again takes the folder as it was"
            _log.error("policy_set_refused", topic=self._topic, version=record.version, error=str(error), means=said)
        with self._changed:
            if self._waiting.get(record.version) is record:
                del self._waiting[record.version]
            self._changed.notify_all()


@contextmanager
def policy_sets_sent(connect: Callable[[], RecordWriter], topic: str, *, on: bool) -> Iterator[Hooks]:
    """What listens for sets that go live and sends them, where they are to be remembered; else what does nothing."""
    if not on:
        yield Hooks()
        return
    with closing(PolicySetsSent(connect, topic)) as sent:
        yield sent
