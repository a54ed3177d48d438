"""A backtest's page: what it says, that it needs nothing else, and how large it may become."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from pipeline.lab.backtest.album import MOST, ROOM
from pipeline.lab.backtest.page import MOST_POLICIES, page
from pipeline.lab.backtest.record import PolicyDay, Record
from pipeline.lab.backtest.reviewed import population
from pipeline.lab.evaluation.columns import MOST as MOST_COLUMNS
from pipeline.lab.evaluation.columns import Kind, columns
from tests.lab.backtest.made import moves, near, policy, record
from tests.lab.reviews.made import sample

HOSTILE = '<img src="https://example.com/x" onerror="alert(1)">'


class Parts(HTMLParser):
    """The elements of a page, with their attributes, and that each closes what it opened."""

    VOID = frozenset({"meta", "img", "input", "rect", "line", "circle", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def said(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", text))


class TestThePage:
    def test_needs_nothing_else_and_obeys_nobody(self) -> None:
        made = record(["weapons"], pictures=[b"RIFF"])
        hostile = replace(near(1, 0.7, "allow", "review", b"RIFF"), image_id=HOSTILE)
        weapons = replace(made.policies[0], new=(hostile, replace(hostile, thumbnail=None)))
        parts = Parts(page(replace(made, policies=(weapons,)), {}))
        assert parts.open == []
        assert not parts.of("script")
        sources = [each["src"] for each in parts.of("img")]
        assert sources
        assert all(each is not None and each.startswith("data:image/webp;base64,") for each in sources)
        assert not any(name.startswith("on") for _, attributes in parts.found for name in attributes)

    def test_says_what_is_new_and_let_go_of_all_and_of_each_policy(self) -> None:
        made = record(["tobacco", "weapons"], days=3)
        text = said(page(made, {}))
        whole = made.verdicts
        assert f"Flagged {whole.flagged:,}" in text
        for each in made.policies:
            counts = each.moves
            assert f"{each.policy} {counts.new:,} {counts.let_go:,} {counts.flagged:,} " in text
        assert "shadow → enforce" in text
        assert "1,200 images in 3 segments were seen by another model or preprocessing (ffff0000ffff0000" in text

    def test_every_picture_is_blurred_behind_a_box_that_a_keyboard_reaches_and_has_words(self) -> None:
        parts = Parts(page(record(["weapons"], pictures=[b"RIFF"], examples=4), {}))
        boxes = [each for each in parts.of("input") if "aria-label" in each]
        pictures = parts.of("img")
        assert len(boxes) == len(pictures) == 4 + 2 + 4 * 3
        assert all(each["type"] == "checkbox" for each in boxes)
        assert all(re.search(r"photo-\d+\.jpg, score 0\.\d+, ", str(each["alt"])) for each in pictures)
        assert any(each.get("id") == "unveil" for each in parts.of("input"))

    def test_an_image_that_came_again_and_again_is_shown_once_and_counted(self) -> None:
        made = record(["weapons"], pictures=[b"RIFF"], examples=4)
        new = tuple(replace(each, thumbnail=b"RIFF the same") for each in made.policies[0].new)
        text = page(replace(made, policies=(replace(made.policies[0], new=new),)), {})
        assert len(Parts(text).of("img")) == 1 + 2 + 4 * 3
        assert "and 3 more with this very picture" in said(text)

    def test_without_pictures_the_images_are_a_table(self) -> None:
        text = page(record(["weapons"], examples=2), {})
        assert not Parts(text).of("img")
        assert "unveil" not in {each.get("id") for each in Parts(text).of("input")}
        assert said(text).count("not flagged, now review") == 2

    def test_three_thousand_examples_with_pictures_stay_a_page_that_can_be_sent(self) -> None:
        """Thumbnails of 12 KB, 36 MB in all: as many as have room, the others in words, and both are counted."""
        made = record([f"policy-{number:02}" for number in range(43)], pictures=[bytes(12_000)], examples=20)
        text = page(made, {})
        pictures = len(Parts(text).of("img"))
        assert len(text) < ROOM * 1.3
        assert 500 < pictures < 700
        told = said(text)
        shown = sum(20 + 10 + 60 for _ in range(MOST_POLICIES))
        assert f"{MOST - pictures:,} images are told of without their pictures" in told
        assert f"{shown - MOST:,} images more are in the JSON" in told
        assert "3 policies that change less stand in the table alone" in told

    def test_nothing_flagged_is_said_and_not_drawn(self) -> None:
        day = PolicyDay(day="2026-11-01", moves=moves(allow_allow=10))
        made = record(["weapons"], days=1)
        quiet = replace(
            made, days=(day,), policies=(replace(made.policies[0], days=(day,), overlap={}, new=(), let_go=()),)
        )
        text = page(quiet, {})
        assert not Parts(text).of("rect")
        assert "Nothing is flagged." in text
        assert "Nothing is new, and nothing is let go." in text

    def test_reviews_are_given_where_there_are_any_and_what_they_leave_open_is_said(self) -> None:
        made = record(["tobacco", "weapons"], days=30)
        seen = sample([(0.7, "yes", 2.0)] * 600 + [(0.7, "unsure", 2.0)] * 3, [0.7])
        found = replace_population(seen, made, "weapons")
        text = said(page(made, {"weapons": found}))
        assert "weapons review 0.6 100 % (99 to 100) - 603 3" in text
        assert "below 0.6, none was reviewed: recall cannot be told" in text
        assert "What do reviews say?" not in page(made, {})


def replace_population(found: object, made: Record, name: str) -> object:
    from dataclasses import replace as replaced

    return replaced(found, population=population(made.by_policy[name]))  # type: ignore[type-var]


def test_a_policys_images_are_counted_by_its_thresholds() -> None:
    import numpy as np

    one = policy("weapons", 5, np.random.default_rng(1), (), 0)
    counted, after = population(one), one.moves.after
    assert counted.images == one.moves.events
    assert counted.at_least(0.6) == after["review"] + after["block"]
    assert counted.at_least(0.9) == after["block"]


class TestColumns:
    def test_each_day_has_one_and_says_its_counts(self) -> None:
        days = [date(2026, 11, day) for day in (1, 2, 4)]
        drawn = columns(
            "Flagged", days, [Kind("review", "bar-review", [3, 0, 5])], [Kind("gone", "bar-gone", [0, 2, 0])]
        )
        spoken = re.findall(r"<title>([^<]*)</title>", drawn)[1:]
        assert spoken == [
            "2026-11-01: 3 review, 0 gone",
            "2026-11-02: 0 review, 2 gone",
            "2026-11-03: 0 review, 0 gone",
            "2026-11-04: 5 review, 0 gone",
        ]
        assert len(Parts(drawn).of("rect")) == 3

    @pytest.mark.parametrize("days", [1, 61, 62, 63, 400, 4_000])
    def test_of_many_days_several_make_one_and_none_is_lost(self, days: int) -> None:
        every = [date(2020, 1, 1) + timedelta(days=day) for day in range(days)]
        drawn = columns("Flagged", every, [Kind("review", "bar-review", [1] * days)])
        counts = [int(found) for found in re.findall(r": ([\d,]+) review", drawn)]
        assert len(counts) <= MOST_COLUMNS
        assert sum(counts) == days

    def test_heights_are_in_proportion(self) -> None:
        drawn = columns("Flagged", [date(2026, 11, 1), date(2026, 11, 2)], [Kind("new", "bar", [10, 40])])
        heights = [float(str(each["height"])) for each in Parts(drawn).of("rect")]
        assert heights[1] == pytest.approx(4 * heights[0], rel=0.02)
