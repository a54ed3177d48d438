"""What *Live* says of the last minute and hour, and that it says nothing of what it cannot know."""

from __future__ import annotations

import re
from dataclasses import replace
from time import time

import httpx2

from pipeline.errors import ServiceError
from tests.console.served import Served, until
from workers.canary.reading import Answers
from workers.console.fleet.fleet import Fleet
from workers.console.fleet.partitions import Place
from workers.console.pages.live_figures import RECENT, figures_of
from workers.console.rendering import Templates
from workers.console.stream.changes import Changes
from workers.console.stream.counts import Steps
from workers.console.stream.feed import Feed, Remembered


def away() -> Answers:
    raise ServiceError("no broker answers")


def test_what_came_by_is_unknown_once_nothing_was_read_for_as_long_as_it_is_counted(console: Served) -> None:
    feed = console.console.feed
    known = figures_of(console.console, time())
    assert (known.total, known.letters, known.reasons) == (0.0, 0.0, [])
    until(lambda: console.console.fleet.looked.at)
    assert figures_of(console.console, time()).lag == 0
    console.broker.available = False
    until(lambda: not feed.condition.well)
    now = time()
    assert figures_of(console.console, now).total == 0.0, "most of the minute was read"
    later = figures_of(console.console, now + RECENT + 5)
    assert (later.total, later.letters, later.flagged, later.reasons) == (None, None, None, [])
    assert figures_of(console.console, now + 3605).reasons is None


def test_a_page_that_never_had_a_broker_shows_dashes_and_no_zeros(console: Served) -> None:
    feed = Feed(away, lambda: False, "letters")
    fleet = Fleet(dict, list, Changes())
    figures = figures_of(replace(console.console, feed=feed, fleet=fleet), time())
    tiles = Templates().html("live_figures.html", figures=figures)
    assert re.findall("<dd>(.*?)</dd>", tiles) == ["\u2013"] * 6
    details = Templates().html("live_details.html", figures=figures)
    assert set(re.findall('<td class="figure">(.*?)</td>', details)) == {"\u2013"}
    assert '<td colspan="2" class="quiet">none</td>' not in details
    fleet.ask()
    assert figures_of(replace(console.console, feed=feed, fleet=fleet), time()).lag == 0


def test_a_console_that_starts_again_while_no_broker_is_there_knows_no_more_than_it_did() -> None:
    now = 100_000.0
    for unread, known in (([], now - 60), ([(now - 5_000, now - 60)], now - 5_000), ([(1.0, 2.0)], now - 60)):
        feed = Feed(away, lambda: False, "letters", lambda: now)
        feed.recall(Remembered([], [], [], [], unread), now - 60, now)
        assert feed.read_until == known


def test_many_partitions_that_stand_still_leave_room_for_the_figures(console: Served) -> None:
    places = [Place("images", number, 5, 2, float(number)) for number in range(96)]
    figures = replace(figures_of(console.console, 1_000.0), places=places)
    tiles = Templates().html("live_figures.html", figures=figures)
    assert re.findall("Partition ([0-9]+) of", tiles) == ["0", "1", "2"], "those that have for longest"
    assert "93 more partitions stand still: 186 images wait there" in tiles


def test_rates_are_those_of_now_when_the_clock_was_set_back() -> None:
    steps = Steps(10.0, 360)
    for at in (9_000.0, 9_010.0, 100.0, 101.0):
        steps.add(at, iter([("verdict", "allow")]))
    assert [(each.at, each.counts.total()) for each in steps.since(0)] == [(100.0, 2)]


def test_the_zone_of_its_times_is_named_once(console: Served) -> None:
    assert httpx2.get(f"{console.address}/live").text.count("UTC") == 1
