"""Reviews from anybody's CSV file; a slip is named with file and line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.lab.reviews.csv_file import read_reviews

KNOWN = ("weapons", "tobacco")


def written(folder: Path, text: str) -> Path:
    path = folder / "reviews.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'image_id,policy,label,inclusion_probability,note\n"a, b",weapons,YES,,x\nc,tobacco,unsure,0.01,\n',
    )
    one, other = read_reviews(path, KNOWN)
    assert (one.image_id, one.label, one.inclusion_probability) == ("a, b", "yes", 1.0)
    assert (other.label, other.inclusion_probability, other.review_id) == ("unsure", 0.01, "reviews.csv:3")


def test_an_event_may_be_named_instead(tmp_path: Path) -> None:
    (review,) = read_reviews(
        written(tmp_path, "event_id,policy,label,at,reviewer\ne1,weapons,no,2026-03-02,ann\n"), KNOWN
    )
    assert (review.event_id, review.image_id, review.at, review.reviewer) == (
        "e1",
        "",
        "2026-03-02T00:00:00.000Z",
        "ann",
    )


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-02T14:00:00Z", "2026-03-02T14:00:00Z"),
        ("2026-03-02T14:00:00.25+02:00", "2026-03-02T14:00:00.25+02:00"),
        ("2026-03-02T14:00", "2026-03-02T14:00:00.000Z"),
        ("2026-W10-1", "2026-03-02T00:00:00.000Z"),
        ("20260302T14+0200", "2026-03-02T12:00:00.000Z"),
    ],
)
def test_a_time_is_published_as_rfc_3339_and_is_utc_without_a_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, at: str
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        (review,) = read_reviews(written(tmp_path, f"image_id,policy,label,at\na,weapons,no,{text}\n"), KNOWN)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert review.at == at


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (",weapons,yes,1", "reviews.csv:3: which image?"),
        ("b,wepons,yes,1", "reviews.csv:3: no policy is called 'wepons'; did you mean 'weapons'"),
        ("b,weapons,maybe,1", "reviews.csv:3: the label 'maybe' is none; write yes, no or unsure"),
        ("b,weapons,yes,0", "reviews.csv:3: the inclusion probability '0' is none"),
        ("b,weapons,yes,1.5", "and at most 1"),
        ("b,weapons,yes,1e-10", "above 0 (0.000000001 is the least) and at most 1"),
        ("b,weapons,yes,1e-320", "(0.000000001 is the least)"),
        ("b,weapons,yes,0.1_0", "the inclusion probability '0.1_0' is none"),
        ("b,weapons,yes,１", "the inclusion probability '１' is none"),  # noqa: RUF001 - a digit of another script
        ("b,weapons,yes,nan", "and at most 1"),
        ("b,weapons,yes,often", "and at most 1"),
        ("b,weapons,yes", "reviews.csv:3: 3 values under 4 columns"),
    ],
)
def test_a_slip_is_named_with_its_line(tmp_path: Path, row: str, says: str) -> None:
    path = written(tmp_path, f"image_id,policy,label,inclusion_probability\na,weapons,yes,1\n{row}\n")
    with pytest.raises(UsageError) as refused:
        read_reviews(path, KNOWN)
    assert says in str(refused.value)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"reviews\.csv:1: no column 'label' among image_id, policy"):
        read_reviews(written(tmp_path, "image_id,policy\na,weapons\n"), KNOWN)
