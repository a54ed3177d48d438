"""What attempts sum up to: shares of what was judged, what keeps its action, and which trick is weakest."""

from __future__ import annotations

import json
import math
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from pipeline.lab.evasion.attempts import Attempt, Sample, Tally, action_of, by_trick
from pipeline.lab.evasion.page import page
from pipeline.lab.evasion.record import NotDrilled, Record
from pipeline.lab.evasion.record_json import record_json
from pipeline.lab.evasion.registry import chosen
from pipeline.lab.evasion.words import percent, points
from pipeline.ports import EncoderSpec
from pipeline.rules.policies.policy_set import Policy
from tests import images
from tests.lab.evaluation.test_page import Balance
from workers.terminal.drill import show

POLICY = Policy("weapons", "Weapons", ("a knife",), {"review": 0.25, "block": 0.8})
SPEC = EncoderSpec("tiny", "f" * 8, "float32", (2, 2), (0.5,), (0.5,), "bicubic", "shortest", 7, 77, 10.0, None)
HOSTILE = '<script>alert("1")</script> & [red]$x[/] {}'


def sample(score: float, name: str = "knife.jpg", policy: str = "weapons", *, must_flag: bool = True) -> Sample:
    return Sample(policy, name, must_flag, score, action_of(POLICY, score))


def attempt(of: Sample, score: float | None, trick: str = "turn-mirror", strength: float = 1.0) -> Attempt:
    if score is None:
        return Attempt(of, trick, strength, None, None, "too_large: 1,000,000,000 pixels")
    return Attempt(of, trick, strength, score, action_of(POLICY, score))


def test_an_action_is_what_a_threshold_leads_to_whatever_the_mode() -> None:
    assert [action_of(POLICY, score) for score in (0.2499, 0.25, 0.79, 0.8)] == [None, "review", "review", "block"]
    assert action_of(Policy("x", "X", ("a knife",), {}), 1.0) is None


def test_a_sample_may_be_flagged_still_and_yet_less_severely() -> None:
    tally = Tally([attempt(sample(0.9), 0.85), attempt(sample(0.9), 0.5), attempt(sample(0.5), 0.1)])
    assert tally.flagged == pytest.approx(2 / 3)
    assert tally.kept == pytest.approx(1 / 3)
    assert tally.at("block") == 0.5, "the third never reached it"
    assert tally.at("review") == pytest.approx(2 / 3)
    assert tally.lost == pytest.approx((0.05 + 0.4 + 0.4) / 3)
    assert tally.worst is not None
    assert tally.worst.score == 0.5, "of equals the first"


def test_a_dead_letter_counts_neither_as_flagged_nor_as_missed() -> None:
    tally = Tally([attempt(sample(0.9), 0.85), attempt(sample(0.9), None)])
    assert (tally.flagged, tally.dead, len(tally.attempts)) == (1.0, 1, 2)
    assert tally.lost == pytest.approx(0.05)
    nothing = Tally([attempt(sample(0.9), None)])
    assert (nothing.flagged, nothing.kept, nothing.at("review"), nothing.lost, nothing.worst) == (None,) * 5
    assert not nothing.falls_below(1.0)


def test_the_weakest_defence_comes_first_and_what_was_never_judged_last() -> None:
    found = by_trick(
        [
            attempt(sample(0.9), 0.9, "saved-again"),
            attempt(sample(0.9), None, "dirt-salt"),
            attempt(sample(0.9), 0.2, "turn-mirror"),
            attempt(sample(0.9), 0.1, "turn-half"),
            attempt(sample(0.9), 0.7, "dirt-blur"),
        ]
    )
    assert list(found) == ["turn-half", "turn-mirror", "dirt-blur", "saved-again", "dirt-salt"]


@given(st.lists(st.tuples(st.floats(0, 1), st.none() | st.floats(0, 1)), min_size=1))
def test_shares_are_shares_and_what_keeps_its_action_is_flagged(scores: list[tuple[float, float | None]]) -> None:
    tally = Tally([attempt(sample(before), after) for before, after in scores])
    for share in (tally.flagged, tally.kept, tally.at("label"), tally.at("review"), tally.at("block")):
        assert share is None or 0 <= share <= 1
    assert tally.dead + len(tally.judged) == len(scores)
    if tally.worst is not None and tally.lost is not None:
        assert tally.worst.lost >= tally.lost - 1e-9
    review, block = tally.at("review"), tally.at("block")
    assert review is None or block is None or math.isfinite(review)


@given(st.floats(0, 1))
def test_a_share_is_rounded_down_so_that_only_all_is_a_hundred(share: float) -> None:
    assert (percent(share) == "100%") == (share >= 1 - 1e-11)
    assert float(percent(share)[:-1]) <= 100 * share + 1e-6


def test_figures_that_are_not_there_are_a_dash_and_nothing_is_minus_nothing() -> None:
    assert (percent(None), points(None), points(-0.001), points(0.5)) == ("-", "-", "0.00", "0.50")


def record(policy: str = "weapons", name: str = "knife.jpg") -> Record:
    attempts = [
        attempt(sample(0.9, name, policy), 0.1),
        attempt(sample(0.9, name, policy), 0.85, "turn-tilt", 5),
        attempt(sample(0.9, name, policy), None, "turn-tilt", 10),
        attempt(sample(0.1, "sushi.jpg", policy, must_flag=False), 0.3),
    ]
    left = [NotDrilled(policy, "gone.jpg", True, "is not there", "weapons.yaml:9")]
    return Record(7, SPEC, "fast-2", "a" * 12, chosen(["turn-mirror", "turn-tilt"]), attempts, left)


def test_what_falls_below_is_named_by_policy_and_where_asked_by_trick() -> None:
    assert record().below(0.5, each=False) == []
    assert record().below(0.6, each=False) == ["weapons, all tricks: 50% still flagged, wanted at least 60%"]
    assert record().below(0.5, each=True) == ["weapons, turn-mirror: 0% still flagged, wanted at least 50%"]


def test_terminal_page_and_json_say_the_same() -> None:
    said, out = json.loads(record_json(record())), StringIO()
    show(record(), Console(file=out, width=140, highlight=False))
    assert said["schema"] == "sluice.drill.v1"
    assert (said["flagged"], said["policies"][0]["flagged"], said["harmless_flagged"]) == (0.5, 0.5, 1.0)
    for text in (out.getvalue(), Balance(page(record(), made)).text):
        assert "turn-mirror" in text
        assert "50% still flagged" in text
        assert "turn-tilt: 1 became dead letters (too_large), neither passed nor flagged" in text
        assert "100%" in text, "the harmless sample is flagged under the one trick that it was tried under"


def test_json_has_every_attempt_and_the_strengths_of_every_trick() -> None:
    said = json.loads(record_json(record()))
    assert [each["after"] for each in said["attempts"]] == [0.1, 0.85, None, 0.3]
    assert said["attempts"][2]["dead_letter"] == "too_large: 1,000,000,000 pixels"
    mirror, tilt = said["tricks"]
    assert (mirror["trick"], mirror["harmless_flagged"], mirror["worst"]["lost"]) == ("turn-mirror", 1.0, 0.8)
    assert [(at["strength"], at["flagged"], at["dead_letters"]) for at in tilt["strengths"]] == [
        (5, 1.0, 0),
        (10, None, 1),
    ]
    assert said["policies"][0]["weakest"] == "turn-mirror"
    assert said["not_drilled"] == [
        {
            "policy": "weapons",
            "sample": "gone.jpg",
            "must_flag": True,
            "problem": "is not there",
            "place": "weapons.yaml:9",
        }
    ]


def made(_attempt: Attempt, _trick: object) -> bytes:
    return images.encoded(Image.new("RGB", (300, 200), "red"))


def test_the_page_is_well_formed_shows_pictures_and_asks_for_nothing_from_outside() -> None:
    document = page(record(HOSTILE, HOSTILE), made)
    found = Balance(document)
    assert {tag for tag, _ in found.tags}.isdisjoint({"script", "link", "iframe", "object"})
    pictures = [attributes["src"] for tag, attributes in found.tags if tag == "img"]
    assert len(pictures) == 1, "one for each trick that hid something"
    assert all(str(source).startswith("data:image/webp;base64,") for source in pictures)
    assert not any({"href", "onload", "onclick", "onerror"} & set(attributes) for _, attributes in found.tags)
    assert not any(word in document for word in ("http://", "https://", "url(", "@import"))
    assert HOSTILE in found.text
    assert "gone.jpg is not there (weapons.yaml:9)" in found.text


def test_a_page_of_a_drill_in_which_nothing_hid_says_so() -> None:
    good = Record(7, SPEC, "fast-2", "a" * 12, chosen(["turn-mirror"]), [attempt(sample(0.9), 0.9)], [])
    assert "Nothing: every picture was still flagged." in page(good, made)
