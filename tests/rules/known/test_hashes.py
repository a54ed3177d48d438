from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules.known.exact import Exact, Hashes, words_of
from pipeline.rules.known.near import FEW, RADIUS, Near


def hashes(count: int, seed: int) -> Hashes:
    return words_of(np.random.default_rng(seed).bytes(32 * count))


MANY = hashes(FEW + 1000, 1)
NEAR = Near.of(MANY, np.arange(len(MANY), dtype=np.uint32) + 7)
EXACT = Exact.of(MANY, np.arange(len(MANY), dtype=np.uint32))
bits = st.sets(st.integers(0, 255), max_size=40)


def flipped(words: np.ndarray, which: set[int]) -> np.ndarray:
    changed = words.copy()
    for bit in which:
        changed[bit // 64] ^= np.uint64(1 << (bit % 64))
    return changed


@given(at=st.integers(0, len(MANY) - 1), which=bits)
def test_a_hash_is_found_up_to_the_radius_and_no_further(at: int, which: set[int]) -> None:
    rows, distances = NEAR.within(flipped(MANY[at], which))
    found = dict(zip(rows.tolist(), distances.tolist(), strict=True))
    assert found == ({at + 7: len(which)} if len(which) <= RADIUS else {})


@given(spread=st.permutations(range(16)))
def test_the_bits_that_differ_may_lie_in_any_bands(spread: list[int]) -> None:
    """Two in each band but one, which has one: the most that the bands leave to be found by."""
    which = {16 * band + bit for band in spread for bit in (3, 11)} - {16 * spread[0] + 3}
    assert len(which) == RADIUS
    assert NEAR.within(flipped(MANY[0], which))[0].tolist() == [7]


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), crowd=st.integers(0, 12))
def test_the_index_finds_what_a_look_at_all_finds(seed: int, crowd: int) -> None:
    """Also where all hashes of a list crowd around one, as a hostile list's may."""
    chance = np.random.default_rng(seed)
    around = np.repeat(MANY[:1], FEW + 200, axis=0)
    around[:, 3] ^= chance.integers(0, 1 << crowd, len(around), dtype=np.uint64)
    listed = np.concatenate([MANY, around])
    index = Near.of(listed, np.arange(len(listed), dtype=np.uint32))
    asked = flipped(MANY[0], set(chance.integers(0, 256, 20).tolist()))
    distances = np.bitwise_count(listed ^ asked).sum(axis=1, dtype=int)
    rows, found = index.within(asked)
    assert rows.tolist() == np.flatnonzero(distances <= RADIUS).tolist()
    assert found.tolist() == distances[rows].tolist()


@given(st.lists(st.integers(0, len(MANY) - 1), max_size=5), st.integers(0, 99))
def test_exact_hashes_are_found_by_all_their_bits(known: list[int], seed: int) -> None:
    strangers = hashes(3, 10_000 + seed)
    twin = MANY[known[:1]].copy()
    twin[:, 3] ^= np.uint64(1)  # the same first 64 bits
    found = EXACT.find(np.concatenate([MANY[known], strangers, twin]))
    assert found.tolist() == [*known, -1, -1, -1, *[-1] * len(twin)]


@given(st.lists(st.integers(0, 5), max_size=12))
def test_a_hash_that_is_repeated_is_told_with_the_first(drawn: list[int]) -> None:
    alike = MANY[:6].copy()
    alike[:, 0] = 1  # a list may be made so that the first bits tell nothing
    told = Exact.of(alike[drawn] if drawn else alike[:0], np.arange(len(drawn), dtype=np.uint32))
    assert told.repeated() == [(at, drawn.index(each)) for at, each in enumerate(drawn) if drawn.index(each) < at]
