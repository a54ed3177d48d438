"""Events out of Kafka, as one member of a consumer group.

One thread polls, pauses, commits and closes. The library runs a second one for input and output, and calls the
rebalance listener on it *while the first waits inside `poll` or `close`*; so the two never work on the same thing at
once, and the listener may only await (a synchronous commit there raises RuntimeError).

At least once: an offset is committed only after `commit(batch)`, only for partitions that have been ours without a
break since the batch was polled. Whatever else happens, the next owner repeats.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition, errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import MemberState

from pipeline.adapters.assignment import Assignment, Done, Place
from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.adapters.kafka.rebalance import Rebalances
from pipeline.adapters.kafka.records import FETCH_BYTES, PARTITION_FETCH_BYTES, events
from pipeline.adapters.kafka.topics import CREATE_COMMAND
from pipeline.errors import ServiceError, StopError
from pipeline.items import Batch, Item
from pipeline.ports import Hooks

LAG_INTERVAL = 1.0
"""Seconds between two reports of the lag."""

JOIN_SECONDS = 1.0
"""How much longer than asked for a poll may take while the group is being joined."""

_COMMIT_PATIENCE = 2.0
_CLOSE_PATIENCE = 5.0

# Not marked as retriable by the library, yet over when the cluster has settled.
_PASSING = (errors.RetriableError, errors.UnknownBrokerIdError, errors.BrokerNotAvailableError)
# The group moved on without us or is about to; `poll` joins it again and tells us what is still ours.
_MOVED_ON = (errors.CommitFailedError, errors.RebalanceInProgressError)

_log = structlog.get_logger(__name__)


class KafkaSource:
    """A `Source` on one consumer. Make it after a fork, never before: it starts a thread."""

    def __init__(
        self,
        connection: KafkaConnection,
        topics: str | Sequence[str],
        group: str,
        *,
        max_poll: int,
        hooks: Hooks | None = None,
        commit_interval: float = 1.0,
        session_timeout: float = 45.0,
        max_poll_interval: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect; blocks for up to about ten seconds, and raises `ServiceError` when no broker answers.

        At most `max_poll` events come in a batch. Commits are held back for up to `commit_interval` seconds. A member
        that is silent for `session_timeout` seconds, or does not poll for `max_poll_interval`, loses its partitions.
        """
        names = [topics] if isinstance(topics, str) else list(topics)
        self._name = f"topic {', '.join(names)} as group {group}"
        self._hooks = hooks or Hooks()
        self._commit_interval = commit_interval
        self._clock = clock
        self._ours = Assignment()
        self._paused = False
        self._closed = False
        self._committed_at = self._lag_at = clock()
        self._positions: dict[Place, int] = {}
        settings = _settings(group, max_poll, session_timeout, max_poll_interval)
        with connection.reaching():
            self._consumer = KafkaConsumer(**connection.settings(), **settings)
            _know(self._consumer, names)
        self._consumer.subscribe(names, listener=Rebalances(self._gained, self._revoked, self._lost))

    def poll(self, timeout: float, most: int | None = None) -> Batch | None:
        """Wait up to `timeout` seconds for events, and send commits that have been held back long enough.

        Takes up to `JOIN_SECONDS` more while the group is being joined or shared out anew. A broker that is away is
        waited for, poll by poll. Raises `StopError` for what waiting does not mend.
        """
        self._commit_if_due()
        try:
            polled = self._poll(timeout, most)
        except _PASSING as error:
            _log.warning("poll_failed_for_now", source=self._name, error=str(error))
            return None
        except Exception as error:
            raise StopError(f"Kafka cannot be polled for {self._name}: {error}") from error
        self._report_lag()
        if not polled:
            return None
        batch = Batch([Item(event) for event in events(polled)], self._clock(), self._ours.generation)
        self._ours.take(batch)
        self._positions.update(batch.next_offsets())
        return batch

    def pause(self) -> None:
        """Let `poll` bring nothing, but keep it polling: that is what keeps the membership."""
        self._paused = True
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        """Undo `pause`."""
        self._paused = False
        self._consumer.resume(*self._consumer.paused())

    def commit(self, batch: Batch) -> None:
        """Mark the batch as done; sends at most one request each `commit_interval`, and blocks for 2 s at most."""
        self._ours.mark(batch)
        self._commit_if_due()

    def close(self) -> None:
        """Commit what was held back and leave the group, within about ten seconds even without a broker."""
        if self._closed:
            return
        self._closed = True
        try:
            self._commit_now()
        finally:
            self._leave()

    def _leave(self) -> None:
        try:
            self._consumer.close(autocommit=False, timeout_ms=int(_CLOSE_PATIENCE * 1000))
        except errors.KafkaError as error:
            _log.warning("group_not_left", source=self._name, error=str(error))

    def _poll(self, timeout: float, most: int | None) -> dict[Any, list[Any]]:
        """One poll, and where the group is being joined, as long as that takes and another.

        kafka-python asks the group for partitions in a task that outlives the poll, and looks at the answer only
        while a poll is waiting for it. An answer that comes between two polls is thrown away: at best the whole group
        starts over, and polls of no length, as under backpressure, never get in. At worst the library no longer knows
        that it was joining, and the consumer owns nothing for ever while the broker counts it as the owner; so it is
        told to go on.
        """
        polled: dict[Any, list[Any]] = self._consumer.poll(timeout_ms=int(timeout * 1000), max_records=most)
        if not polled and self._joining():
            # Not a longer poll: that goes on waiting, once joined, for records that paused partitions do not give.
            self._consumer._coordinator.poll(timeout_ms=int(JOIN_SECONDS * 1000))  # noqa: SLF001 - no other way
            polled = self._consumer.poll(timeout_ms=0, max_records=most)
        if self._joining():
            self._consumer._coordinator.request_rejoin()  # noqa: SLF001 - there is no other way to say it
        return polled

    def _joining(self) -> bool:
        return bool(self._consumer.group_metadata().state != MemberState.STABLE)

    def _commit_if_due(self) -> None:
        if self._clock() - self._committed_at >= self._commit_interval:
            self._commit_now()

    def _commit_now(self) -> None:
        """Send what is pending. What does not arrive stays pending: it is sent again, or lost with its partition."""
        self._committed_at = self._clock()
        pending = self._ours.pending()
        if not pending:
            return
        try:
            self._consumer.commit(_offsets(pending), timeout_ms=int(_COMMIT_PATIENCE * 1000))
        except (*_PASSING, *_MOVED_ON) as error:
            _log.info("commit_put_off", source=self._name, error=type(error).__name__)
        except Exception as error:
            raise StopError(f"Kafka refuses commits for {self._name}: {error}") from error
        else:
            self._hooks.committed(self._ours.committed(pending))

    def _report_lag(self) -> None:
        """The distance to the high watermark that the last fetch brought: costs no request."""
        now = self._clock()
        if now - self._lag_at < LAG_INTERVAL:
            return
        self._lag_at = now
        for place, position in list(self._positions.items()):
            partition = TopicPartition(*place)
            end = self._consumer.highwater(partition) if partition in self._consumer.assignment() else None
            if end is not None:
                self._hooks.lag(*place, max(0, end - position))

    def _gained(self, places: Sequence[Place]) -> None:
        """On the library's thread: partitions came. Those that come while we are paused are paused, too."""
        self._ours.gain(places)
        if self._paused:
            self._consumer.pause(*(TopicPartition(*place) for place in places))
        self._tell("partitions_assigned", len(places))

    async def _revoked(self, places: Sequence[Place]) -> None:
        """On the library's thread: what is done of them is still ours to commit until this returns."""
        done = self._let_go(places, "partitions_revoked")
        if not done:
            return
        try:
            await self._consumer.commit_async(_offsets(done))
        except errors.KafkaError as error:
            _log.warning("commit_failed_at_revocation", source=self._name, error=str(error))
        else:
            self._hooks.committed(sum(each.events for each in done.values()))

    def _lost(self, places: Sequence[Place]) -> None:
        """On the library's thread: we were put out of the group. Others may be far ahead: nothing is committed."""
        self._let_go(places, "partitions_lost")

    def _let_go(self, places: Sequence[Place], how: str) -> dict[Place, Done]:
        done = self._ours.lose(places)
        for place in places:
            self._positions.pop(place, None)
            self._hooks.lag(*place, 0)  # the next owner reports it; ours would stand still and be added to theirs
        self._tell(how, len(places))
        return done

    def _tell(self, what: str, partitions: int) -> None:
        now = len(self._ours.places)
        _log.info(what, source=self._name, partitions=partitions, now=now)
        self._hooks.assigned(now)


def _know(consumer: Any, topics: Sequence[str]) -> None:
    """Look the topics up before joining: a leader that does not know them yet assigns nothing, and joins again."""
    for topic in topics:
        if not consumer.partitions_for_topic(topic):
            consumer.close(autocommit=False)
            raise ServiceError(f"Kafka has no topic {topic}; make it with: {CREATE_COMMAND}")


def _offsets(done: dict[Place, Done]) -> dict[TopicPartition, OffsetAndMetadata]:
    return {TopicPartition(*place): OffsetAndMetadata(each.offset, "", -1) for place, each in done.items()}


def _settings(group: str, max_poll: int, session_timeout: float, max_poll_interval: float) -> dict[str, Any]:
    session_ms = int(session_timeout * 1000)
    return {
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",  # the library's "latest" loses what came before the first poll
        # Alone: mixed with an eager one, the library refuses. The default two are eager.
        "partition_assignment_strategy": [CooperativeStickyAssignor],
        "allow_auto_create_topics": False,
        "max_poll_records": max_poll,
        "fetch_max_bytes": FETCH_BYTES,
        "max_partition_fetch_bytes": PARTITION_FETCH_BYTES,
        "session_timeout_ms": session_ms,
        "heartbeat_interval_ms": min(3_000, session_ms // 3),
        "max_poll_interval_ms": int(max_poll_interval * 1000),
    }
