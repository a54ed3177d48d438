from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.archive.denied import NOBODY, Denied, Kind, erased, screens

VALUES = st.lists(st.one_of(st.text(max_size=40), st.sampled_from(["image-1", "image-2", "a", "aa"])), max_size=20)


def _laid_out(values: list[str], gap: bytes = b"") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    coded = [value.encode("utf-8", "surrogatepass") for value in values]
    ends = np.cumsum([len(each) + len(gap) for each in coded], dtype=np.int64) if coded else np.zeros(0, np.int64)
    starts = ends - [len(each) for each in coded] if coded else ends
    data = b"".join(gap + each for each in coded)
    return np.asarray(starts, np.int64), ends, np.frombuffer(data, np.uint8)


@given(VALUES, VALUES, st.sampled_from(list(Kind)))
def test_a_column_is_screened_as_its_values_are_looked_up_one_by_one(
    gone: list[str], there: list[str], kind: Kind
) -> None:
    sound = [each for each in gone if each and each.isprintable()]
    denied = Denied(frozenset(erased(kind, each) for each in sound))
    column = [each for each in [*there, *sound] if each.isprintable()]
    found = denied.screened(kind, *_laid_out(column, b"--"))
    assert found.tolist() == [each in sound for each in column]
    assert found.tolist() == [denied.means(kind, each) for each in column]


def test_a_value_is_erased_of_its_kind_alone() -> None:
    denied = Denied(frozenset({erased(Kind.IMAGE, "anna")}))
    assert denied.means(Kind.IMAGE, "anna")
    assert not denied.means(Kind.SUBJECT, "anna")
    assert not denied.screened(Kind.SUBJECT, *_laid_out(["anna"])).any()
    assert denied.kinds == {Kind.IMAGE}


def test_nothing_is_erased_by_an_empty_value_or_one_that_is_missing() -> None:
    with pytest.raises(ValueError, match="needs a value"):
        erased(Kind.SUBJECT, "")
    denied = Denied(frozenset({erased(Kind.SUBJECT, "anna")}))
    assert not denied.means(Kind.SUBJECT, None)
    assert not denied.means(Kind.SUBJECT, "")
    assert not denied.screened(Kind.SUBJECT, *_laid_out(["", ""])).any()


def test_what_is_new_is_told_by_the_object() -> None:
    one = NOBODY.with_more([erased(Kind.IMAGE, "a")])
    assert not NOBODY
    assert one
    assert one.with_more([erased(Kind.IMAGE, "a")]) is one
    assert one.with_more([erased(Kind.IMAGE, "b")]) is not one


def test_screens_of_like_ids_differ() -> None:
    """Ids that differ in a digit or two are what a column is full of; hashing most of them would cost too much."""
    for form in ("image-{}", "user/{:08d}/avatar.jpeg", "{:032x}"):
        found = screens(*_laid_out([form.format(number) for number in range(2000)]))
        assert len(np.unique(found)) > 1500
