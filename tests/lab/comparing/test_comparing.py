"""Two policies side by side: an archive and a topic of the same decisions say the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from pipeline.lab.comparing.blocks import COLUMNS, Comparing, with_pictures
from pipeline.lab.comparing.page import page
from pipeline.lab.comparing.record import OUTCOMES, Comparison
from pipeline.lab.comparing.record_json import record_json
from pipeline.lab.comparing.tally import Tally
from pipeline.rules.archive.remembered import remembered
from pipeline.wire import CANARY_IDS, Decision, FeaturesRecord, Match, Verdict
from tests.archive.made import NOON, decision, keep, some_signals

THUMBNAIL = b"RIFF....WEBP"


def match(policy: str, action: Verdict, score: float) -> list[Match]:
    assert action != "allow" or not score
    return [] if action == "allow" else [Match(policy, "v", action, score, 0.1, "a knife", score)]


def made() -> list[FeaturesRecord]:
    """400 events over two days, all combinations of what the live policy and its shadow say, then some odd ones."""
    rng, found = np.random.default_rng(0), []
    for number in range(400):
        live, shadow = OUTCOMES[number % 4], OUTCOMES[number // 4 % 4]
        scores = {"live": OUTCOMES.index(live) / 4, "newer": OUTCOMES.index(shadow) / 4, "other": 0.0}
        said: dict[str, object] = {
            "verdict": live,
            "matches": match("live", live, scores["live"]),
            "shadow": match("newer", shadow, scores["newer"]),
            "scores": scores,
            "policy_set": "aaaa" if number < 100 else "bbbb",
        }
        if number >= 390:
            del scores["newer"]
            said |= {"shadow": [], "policy_set": "0000"}
        if number == 389:
            said["image_id"] = CANARY_IDS + "knife"
        signals = some_signals(1 + number % 2, rng)
        at = NOON + number * 300
        thumbnail = THUMBNAIL if number % 2 else None
        found.append(remembered(decision(number, signals, at, **said), signals, thumbnail=thumbnail))
    return found


def by_day(records: Sequence[FeaturesRecord]) -> list[list[FeaturesRecord]]:
    days: dict[str, list[FeaturesRecord]] = {}
    for each in records:
        days.setdefault(each.decision.decided_at[:10], []).append(each)
    return list(days.values())


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    store, start = FolderStore(tmp_path_factory.mktemp("archive")), 0
    for records in by_day(made()):
        keep(store, records, start=start)
        start += len(records)
    return Archive(store)


def of_archive(archive: Archive, most: int = 20) -> Comparison:
    tally = Tally("live", "newer", most)
    comparing = Comparing(tally)
    for block in archive.blocks(archive.segments(), COLUMNS):
        comparing.take(block)
    return with_pictures(tally.whole("here"), archive)


def of_decisions(decisions: Sequence[Decision], most: int = 20) -> Comparison:
    tally = Tally("live", "newer", most)
    for each in decisions:
        tally.add_decision(each)
    return tally.whole("here")


def test_every_pair_of_outcomes_is_counted(archive: Archive) -> None:
    found = of_archive(archive)
    cells, flagged = found.cells, [(number % 4 > 0, number // 4 % 4 > 0) for number in range(389)]
    told = {(True, True): cells.both, (True, False): cells.only_a, (False, True): cells.only_b}
    assert told == {sides: flagged.count(sides) for sides in told}
    assert (cells.images, cells.neither) == (389, flagged.count((False, False)))
    assert cells.of("review", "block") == sum(number % 16 == 14 for number in range(389))
    assert cells.taken("block")[0] == sum(number % 4 == 3 for number in range(389))
    assert found.without == 10
    assert found.policy_sets == {"bbbb": 289, "aaaa": 100}


def test_a_topic_of_the_same_decisions_says_the_same(archive: Archive) -> None:
    kept, read = of_archive(archive), of_decisions([each.decision for each in made()])
    assert read.cells == kept.cells
    assert read.days == kept.days
    assert (read.without, read.policy_sets) == (kept.without, kept.policy_sets)
    assert [each.image_id for each in read.only_a] == [each.image_id for each in kept.only_a]
    assert [each.scores for each in read.only_b] == [each.scores for each in kept.only_b]


def test_what_was_decided_anew_is_not_counted_beside_the_first_decision() -> None:
    first = made()[0].decision
    assert of_decisions([replace(first, supersedes="x")]).cells.images == 0


def test_images_are_told_of_that_only_one_flags_each_with_its_picture(archive: Archive) -> None:
    found = of_archive(archive)
    assert len(found.only_a) == len(found.only_b) == 20
    for told in found.only_a:
        assert told.outcomes[0] != "allow" == told.outcomes[1]
        number = int(told.image_id.removeprefix("image-"))
        assert told.thumbnail == (THUMBNAIL if number % 2 else None)
        assert datetime.fromisoformat(told.decided_at).timestamp() == NOON + number * 300
    assert not of_archive(archive, most=0).only_a


def test_reviewers_get_what_both_send_them_a_day(archive: Archive) -> None:
    found = of_archive(archive)
    days = 388 * 300 / 86_400
    load = found.load(0)
    assert load is not None
    assert load.value == pytest.approx(sum(number % 4 == 2 for number in range(389)) / days)
    assert load.low < load.value < load.high


def test_the_page_veils_its_pictures_and_escapes_what_strangers_named(archive: Archive) -> None:
    text = page(of_archive(archive))
    assert text.count("class=veil") == text.count("data:image/webp;base64,") > 5
    assert "<script" not in text
    assert "only A, live" in text


def test_json_says_the_counts_and_what_is_computed_of_them(archive: Archive) -> None:
    told = json.loads(record_json(of_archive(archive)))
    agreed = sum((number % 4 > 0) == (number // 4 % 4 > 0) for number in range(389))
    assert told["images"] == told["both"] + told["only_a"] + told["only_b"] + told["neither"] == 389
    assert told["agreement"]["value"] == pytest.approx(agreed / 389)
    assert told["agreement"]["low"] < agreed / 389 < told["agreement"]["high"]
    assert told["kappa"]["low"] <= told["kappa"]["value"] <= told["kappa"]["high"]
    assert len(told["told_only_b"]) == 20
    assert sum(each["images"] for each in told["days"]) == 389
