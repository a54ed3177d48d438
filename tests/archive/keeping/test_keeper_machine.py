"""Archivers that are killed, frozen, put out of their group and let down by their store, in any order."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from msgspec.structs import replace

from pipeline.archive.keeping.keeper import KeepPolicy
from pipeline.errors import StoreAwayError
from pipeline.items import Batch
from pipeline.wire import FEATURES_TOPIC, FeaturesRecord, Record, archive_record_bytes
from tests.archive.made import records
from tests.archive.streamed import GROUP, AwayStore, OneArchiver, Stream, ids

MADE = records(120, views=[1], at=1_790_035_150.0)  # over midnight
WHENEVER = KeepPolicy(every=1.0, rows=9)


class Archivers(RuleBasedStateMachine):
    """Three of them on two partitions; a frozen one wakes later and does not know what has happened."""

    @initialize()
    def begin(self) -> None:
        self.store = AwayStore()
        self.stream = Stream(self.store, partitions=2)
        self.put = 0
        self.archivers = [self.stream.archiver(WHENEVER) for _ in range(3)]
        self.done: list[list[Batch]] = [[], [], []]

    @rule(number=st.integers(1, 15), again=st.integers(0, 5))
    def events_come_and_some_again(self, number: int, again: int) -> None:
        for record in MADE[max(0, self.put - again) : self.put + number]:
            self.stream.broker.append(_to_its_partition(record))
        self.put = min(len(MADE), self.put + number)

    @rule(who=st.integers(0, 2), most=st.integers(1, 20))
    def poll(self, who: int, most: int) -> None:
        self.archivers[who].poll(most)

    @rule(who=st.integers(0, 2), later=st.booleans())
    def keep(self, who: int, later: bool) -> None:
        archiver = self.archivers[who]
        archiver.now += later
        try:
            self.done[who] += archiver.keeper.advance()
        except StoreAwayError:
            assert self.store.failed

    @rule(who=st.integers(0, 2))
    def commit(self, who: int) -> None:
        for batch in self.done[who]:
            self.archivers[who].source.commit(batch)
        self.done[who] = []

    @rule(who=st.integers(0, 2))
    def kill(self, who: int) -> None:
        self.stream.broker.leave(GROUP, self.archivers[who].source)
        self.archivers[who] = self.stream.archiver(WHENEVER)
        self.done[who] = []

    @rule(who=st.integers(0, 2))
    def is_put_out_of_the_group(self, who: int) -> None:
        self.stream.broker.leave(GROUP, self.archivers[who].source)

    @rule(who=st.integers(0, 2))
    def comes_back(self, who: int) -> None:
        source = self.archivers[who].source
        self.stream.broker.leave(GROUP, source)
        self.stream.broker.join(GROUP, source)

    @rule(fails=st.integers(1, 2), written=st.booleans())
    def the_store_goes_away(self, fails: int, written: bool) -> None:
        self.store.fails, self.store.written_for_all_that = fails, written

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        self.store.fails = 0
        for archiver in self.archivers:
            archiver.source.close()
        last: OneArchiver = self.stream.archiver()
        last.run()
        assert sorted(self.stream.events()) == sorted(ids(MADE[: self.put]))


def _to_its_partition(record: FeaturesRecord) -> Record:
    number = record.decision.source.offset
    decided = replace(record.decision, preprocess=f"fast-{number % 3}")  # three groups in turn
    value = archive_record_bytes(replace(record, decision=decided))
    return Record(FEATURES_TOPIC, b"key", value, partition=number % 2)


TestArchivers = Archivers.TestCase
TestArchivers.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
