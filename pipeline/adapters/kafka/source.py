"""Events out of Kafka, as one member of a consumer group.

One thread polls, pauses, commits and closes. The library runs a second one for input and output, and calls the
rebalance listener on it *while the first waits inside `poll` or `close`*; so the two never work on the same thing at
once, and the listener may only await (a synchronous commit there raises RuntimeError). Commits are put together on
the library's thread, whoever asks, so that they leave in order.

At least once: an offset is committed only when every event before it is done, and only for a partition that has been
ours without a break since those were polled. In every other case the next owner repeats them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any

import structlog
from kafka import TopicPartition, errors
from kafka.structs import MemberState

from pipeline.adapters.kafka.advice import advised
from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.adapters.kafka.consumer import Consumer
from pipeline.adapters.kafka.losses import Lost
from pipeline.adapters.kafka.membership import Membership
from pipeline.adapters.kafka.reach import Reach
from pipeline.adapters.kafka.rebalance import Rebalances
from pipeline.adapters.kafka.records import events
from pipeline.adapters.kafka.topics import CREATE_COMMAND
from pipeline.errors import ServiceError, StopError
from pipeline.items import Batch, Item
from pipeline.ports import Hooks
from pipeline.rules.flow.assignment import Assignment, Partition

LAG_INTERVAL = 1.0
"""Seconds between two looks at the positions, for the lag and for what lies behind the last event."""

JOIN_SECONDS = 1.0
"""Seconds that a poll may take beyond its timeout while the group is being joined."""

_COMMIT_PATIENCE = 2.0
_CLOSE_PATIENCE = 5.0
_LISTENER_REST = 0.02

_PASSING = (
    errors.RetriableError,
    *(errors.UnknownBrokerIdError, errors.BrokerNotAvailableError),  # not marked so, yet over when all has settled
    # After a change of the password: the library raises it at some polls and waits at others. `Reach` tells of it.
    errors.SaslAuthenticationFailedError,
)
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
        hooks: Hooks | None = None,
        clock: Callable[[], float] = time.monotonic,
        **membership: Any,
    ) -> None:
        """Connect; blocks for up to about ten seconds, and raises `ServiceError` when no broker answers.

        `membership` is what a `Membership` takes.
        """
        names = [topics] if isinstance(topics, str) else list(topics)
        self._name = f"topic {', '.join(names)} as group {group}"
        self._membership = Membership(**membership)
        self._hooks = hooks or Hooks()
        self._clock = clock
        self._ours = Assignment()
        self._paused = False
        self._closed = False
        self._committed_at = self._looked_at = clock()
        self._tell_topic = True
        self._drain: Callable[[], Sequence[Batch]] = list
        with connection.reaching():
            self._consumer = connection.client(Consumer, **self._membership.settings(group))
            _know(self._consumer, names)
        self._reach = Reach(connection, self._consumer, self._name, self._hooks, clock)
        self._consumer.subscribe(names, listener=Rebalances(self._gained, self._revoked, self._lost))

    def poll(self, timeout: float, most: int) -> Batch | None:
        """Wait up to `timeout` seconds for events, and send commits that have been held back long enough.

        Takes up to `JOIN_SECONDS` more while the group is being joined or shared out anew. A broker that is away is
        waited for, poll by poll, and told of (`Reach`). Raises `StopError` for what waiting does not mend, and for
        events that are gone where that is to stop the worker.
        """
        self._commit_if_due()
        self._reach.look()
        try:
            polled = self._poll(timeout, most)
        except _PASSING as error:
            _log.warning("poll_failed_for_now", source=self._name, error=str(error))
            return None
        except Exception as error:
            raise StopError(f"Kafka cannot be polled for {self._name}: {advised(error)}") from error
        for lost in self._consumer.lost():
            self._report(lost)
        items = [Item(event) for event in events(polled, self._consumer.topic_id)]
        batch = Batch(items, self._clock(), self._ours.generation)
        self._ours.take(batch)
        self._look_at_positions()
        return batch if batch.items else None

    def pause(self) -> None:
        """Let `poll` bring nothing, but keep it polling: that is what keeps the membership."""
        self._paused = True
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        self._paused = False
        self._consumer.resume(*self._consumer.paused())

    def commit(self, batch: Batch) -> None:
        """Mark the batch as done; sends at most one request each `commit_interval`, and blocks for 2 s at most."""
        self._ours.mark(batch)
        self._commit_if_due()

    def finish_with(self, drain: Callable[[], Sequence[Batch]]) -> None:
        """Take `drain`, which is called on the library's thread while partitions wait to go to another member."""
        self._drain = drain

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

    def _poll(self, timeout: float, most: int) -> dict[Any, list[Any]]:
        """Poll; where the group is being joined, let it for up to `JOIN_SECONDS`, and poll again.

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

    def _report(self, lost: Lost) -> None:
        """Log and count events that nobody will poll any more. Raises `StopError` where that is asked for."""
        topic, partition = lost.partition
        known = {"topic": topic, "partition": partition, "looked_for": lost.looked_for, "goes_on_at": lost.begins}
        _log.error(
            "events_lost", source=self._name, reason=lost.reason, events=lost.events or None, why=lost.why, **known
        )
        self._hooks.lost(topic, partition, lost.reason, lost.events)
        if self._membership.on_lost_events == "stop":
            raise StopError(
                f"{topic}[{partition}]@{lost.looked_for} cannot be read ({lost.reason}); the next event is at offset"
                f" {lost.begins}. To go on from there, start once with --on-lost-events continue"
            )
        if lost.log_is_another:
            self._ours.restart(lost.partition, lost.begins)
            self._consumer.begin_anew(lost.partition)
        else:
            # So that the end of the gap is committed, even where no event follows it.
            self._ours.reach({lost.partition: lost.looked_for})

    def _commit_if_due(self) -> None:
        if self._clock() - self._committed_at >= self._membership.commit_interval:
            self._commit_now()

    def _commit_now(self) -> None:
        """Send what is pending. What does not arrive stays pending: it is sent again, or lost with its partition."""
        self._committed_at = self._clock()
        if not self._ours.pending():
            return
        try:
            self._consumer.run(self._commit)
        except errors.OffsetMetadataTooLargeError:
            _log.warning("commits_name_no_topic", source=self._name, why="the broker takes no metadata that long")
            self._tell_topic = False
        except (*_PASSING, *_MOVED_ON) as error:
            _log.info("commit_put_off", source=self._name, error=type(error).__name__)
        except Exception as error:
            raise StopError(f"Kafka refuses commits for {self._name}: {advised(error)}") from error

    async def _commit(self, partitions: Iterable[Partition] | None = None) -> None:
        """Send one request, on the library's thread, so that none can overtake another."""
        pending = self._ours.pending(partitions)
        if not pending:
            return
        offsets = {
            TopicPartition(*partition): self._consumer.to_commit(partition, done.offset, tell_topic=self._tell_topic)
            for partition, done in pending.items()
        }
        await self._consumer.within(self._consumer.commit_async(offsets), _COMMIT_PATIENCE)
        self._hooks.committed(self._ours.committed(pending))

    def _look_at_positions(self) -> None:
        """Take up how far each partition has been read, and report its lag.

        Costs no request: the last fetch brought the high watermark.
        """
        now = self._clock()
        if now - self._looked_at < LAG_INTERVAL:
            return
        self._looked_at = now
        positions = self._consumer.positions()
        self._ours.reach(positions)
        for partition, position in positions.items():
            end = self._consumer.end(partition)
            if end is not None:
                self._hooks.lag(*partition, max(0, end - position))

    def _gained(self, partitions: Sequence[Partition]) -> None:
        """Called on the library's thread. Partitions that come while we are paused are paused, too."""
        self._ours.gain(partitions)
        if self._paused:
            self._consumer.pause(*(TopicPartition(*partition) for partition in partitions))
        self._tell("partitions_assigned", len(partitions))

    async def _revoked(self, partitions: Sequence[Partition]) -> None:
        """Called on the library's thread. What is done of these partitions is ours to commit until this returns.

        Nothing is polled meanwhile, and what is in flight goes on.
        """
        await self._finish(partitions)
        try:
            await self._commit(partitions)
        except errors.KafkaError as error:
            _log.warning("commit_failed_at_revocation", source=self._name, error=str(error))
        self._let_go(partitions, "partitions_revoked")

    async def _finish(self, partitions: Sequence[Partition]) -> None:
        started = time.monotonic()
        while not self._closed:
            try:
                for batch in self._drain():
                    self._ours.mark(batch)
            except StopError:
                return  # the thread that polls meets it next
            left, waited = self._ours.outstanding(partitions), time.monotonic() - started
            if left and waited > self._membership.revocation_timeout:
                _log.warning("revoked_unfinished", source=self._name, events=left, waited=round(waited, 1))
            if not left or waited > self._membership.revocation_timeout:
                return
            await self._consumer.rest(_LISTENER_REST)

    def _lost(self, partitions: Sequence[Partition]) -> None:
        """Called on the library's thread when we were put out of the group.

        Nothing is committed: the next owners may be far ahead.
        """
        self._let_go(partitions, "partitions_lost")

    def _let_go(self, partitions: Sequence[Partition], how: str) -> None:
        self._ours.lose(partitions)
        for partition in partitions:
            self._hooks.lag(*partition, 0)  # the next owner reports it; ours would stand still and be added to theirs
        self._tell(how, len(partitions))

    def _tell(self, what: str, partitions: int) -> None:
        now = len(self._ours.partitions)
        _log.info(what, source=self._name, partitions=partitions, now=now)
        self._hooks.assigned(now)


def _know(consumer: Any, topics: Sequence[str]) -> None:
    """Look the topics up before joining: a leader that does not know them yet assigns nothing, and joins again."""
    with ExitStack() as failed:
        failed.callback(consumer.close, autocommit=False)
        for topic in topics:
            if not consumer.partitions_for_topic(topic):
                raise ServiceError(f"Kafka has no topic {topic}; make it with: {CREATE_COMMAND}")
        failed.pop_all()
