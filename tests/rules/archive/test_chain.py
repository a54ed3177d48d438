"""Two writers of one chain, in any order: no record is lost, and none stands in two files."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pipeline.rules.archive.chain import Chain, ChainName, Extent

GROUPS = "ab"
NAME = ChainName("model=m/preprocess=p/day=2026-01-01", "sluice.features.v1", 3)


class Files:
    """A store without bytes: by group and start, how far a file goes and which records it holds."""

    def __init__(self) -> None:
        self.made: dict[tuple[str, int], tuple[Extent, list[int]]] = {}

    def create(self, group: str, extent: Extent, records: list[int]) -> bool:
        if (group, extent.start) in self.made:
            return False
        self.made[group, extent.start] = extent, records
        return True

    def from_offset(self, group: str, offset: int) -> list[Extent]:
        """Those that an archiver looks at, see `standing_from`."""
        found = sorted(extent for (of, _), (extent, _) in self.made.items() if of == group)
        before = [each for each in found if each.start <= offset]
        return [*before[-1:], *(each for each in found if each.start > offset)]


class Writer:
    """Reads a log from a committed offset, as a partition's keeper does."""

    def __init__(self, files: Files, log: dict[int, str], committed: int) -> None:
        self.files, self.log, self.next = files, log, committed
        self.chains: dict[str, Chain] = {}
        self.kept: dict[str, list[int]] = {group: [] for group in GROUPS}

    def read(self, most: int) -> None:
        ahead = sorted(offset for offset in self.log if offset >= self.next)[:most]
        for offset in ahead:
            group = self.log[offset]
            if group not in self.chains:
                self.chains[group] = Chain(self.files.from_offset(group, offset))
            chain = self.chains[group]
            if chain.must_end(offset):
                self.write(group)
            if not chain.covers(offset):
                chain.tell(offset)
                self.kept[group].append(offset)
            self.next = offset + 1

    def write(self, group: str) -> None:
        chain = self.chains.get(group)
        while chain:
            extent = Extent(chain.start, self.next)
            if self.files.create(group, extent, list(self.kept[group])):
                chain.written()
                self.kept[group] = []
            else:
                found, _ = self.files.made[group, extent.start]
                chain.taken(found)
                self.kept[group] = [offset for offset in self.kept[group] if offset >= found.end]

    def durable(self) -> int:
        return min((chain.start for chain in self.chains.values() if chain), default=self.next)


class TwoWriters(RuleBasedStateMachine):
    """Any of them may be the group's member or one that was put out of it and does not know yet."""

    @initialize(log=st.lists(st.tuples(st.sampled_from("aaab"), st.integers(1, 3)), min_size=30, max_size=60))
    def begin(self, log: list[tuple[str, int]]) -> None:
        self.log, at = {}, 0
        for group, gap in log:  # offsets have gaps, as where transactions end
            at += gap
            self.log[at] = group
        self.files, self.committed = Files(), 0
        self.writers = [Writer(self.files, self.log, 0) for _ in range(2)]

    @rule(who=st.integers(0, 1), most=st.integers(1, 6))
    def read(self, who: int, most: int) -> None:
        self.writers[who].read(most)

    @rule(who=st.integers(0, 1), groups=st.sampled_from(["a", "b", "ab"]))
    def write(self, who: int, groups: str) -> None:
        for group in groups:
            self.writers[who].write(group)

    @rule(who=st.integers(0, 1))
    def commit(self, who: int) -> None:
        self.committed = max(self.committed, self.writers[who].durable())

    @rule(who=st.integers(0, 1), back=st.sampled_from([0, 0, 0, 1, 7, 20]))
    def kill_and_restart(self, who: int, back: int) -> None:
        """Also from an older commit: a broker may lose the latest ones, and a person may set the group back."""
        self.writers[who] = Writer(self.files, self.log, max(0, self.committed - back))

    @invariant()
    def no_record_is_in_two_files_and_none_before_the_commit_in_none(self) -> None:
        if not hasattr(self, "files"):
            return
        held = [offset for _, records in self.files.made.values() for offset in records]
        assert len(held) == len(set(held))
        assert {offset for offset in self.log if offset < self.committed} <= set(held)
        for (group, start), (extent, records) in self.files.made.items():
            assert records == [o for o, of in sorted(self.log.items()) if of == group and start <= o < extent.end]

    def teardown(self) -> None:
        if not hasattr(self, "files"):
            return
        last = Writer(self.files, self.log, self.committed)
        last.read(len(self.log))
        for group in GROUPS:
            last.write(group)
        held = [offset for _, records in self.files.made.values() for offset in records]
        assert sorted(held) == sorted(self.log)


TestTwoWriters = TwoWriters.TestCase


@given(st.integers(0, 10**18))
def test_a_path_says_where_its_file_begins(start: int) -> None:
    assert NAME.start(NAME.path(start)) == start
    merged = NAME.path(start).replace(".parquet", "_9.parquet")
    assert NAME.merged(merged) == Extent(start, 9)
    assert NAME.start(merged) is None
    assert NAME.path(start) < NAME.path(start + 1)


def test_a_path_of_another_chain_says_nothing() -> None:
    other = NAME._replace(partition=33)
    assert NAME.start(other.path(7)) is None
    assert NAME.start(NAME.prefix + "draft.parquet") is None
    assert NAME.merged(NAME.prefix + "7_draft.parquet") is None


def test_a_hole_is_filled_up_to_the_next_file() -> None:
    """A person took a damaged file away and set the group back: what it held is written anew, and nothing twice."""
    chain = Chain([Extent(0, 10), Extent(20, 30)])
    assert chain.covers(5)
    told = [offset for offset in (12, 15) if not chain.covers(offset)]
    for offset in told:
        chain.tell(offset)
    assert told == [12, 15]
    assert chain.must_end(20)
    chain.written()
    assert chain.covers(20)
    assert not chain.covers(30)
