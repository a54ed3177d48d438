"""Which events are decided anew, and what the new decision says."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.rules.judging import Judgement
from pipeline.rules.redeciding import changes, decided_anew, is_canary
from pipeline.wire import Match, decision_id
from tests.archive.made import some_signals
from tests.rules.test_decisions import DECISION


def judged(**actions: str) -> Judgement:
    matches = [Match(policy, "0" * 12, action, 0.9, 0.5, "", 0.0) for policy, action in actions.items()]  # type: ignore[arg-type]
    return Judgement(dict.fromkeys(actions, 0.9), matches, [])


@pytest.mark.parametrize(
    ("verdict", "actions", "now", "differs"),
    [
        ("allow", {}, {}, ""),
        ("review", {"weapons": "review"}, {"weapons": "review"}, ""),
        ("allow", {}, {"weapons": "label"}, "verdict matches"),
        ("block", {"weapons": "block"}, {}, "verdict matches"),
        ("review", {"weapons": "review"}, {"weapons": "block"}, "verdict matches"),
        ("review", {"weapons": "review"}, {"gambling": "review"}, "matches"),
        ("review", {"weapons": "review"}, {"weapons": "review", "gambling": "label"}, "matches"),
        ("review", {"weapons": "review", "gambling": "review"}, {"weapons": "review"}, "matches"),
    ],
)
def test_a_change_is_of_the_verdict_or_of_what_matched(
    verdict: str, actions: dict[str, str], now: dict[str, str], differs: str
) -> None:
    for kind in ("verdict", "matches"):
        assert changes(verdict, actions, judged(**now), kind) == (kind in differs)  # type: ignore[arg-type]


def test_where_policies_are_named_one_of_them_must_match_otherwise() -> None:
    now = judged(weapons="review", gambling="block")
    assert changes("review", {"weapons": "review"}, now, "verdict", {"gambling"})
    assert not changes("review", {"weapons": "review"}, now, "verdict", {"weapons"})
    assert not changes("review", {"weapons": "review"}, now, "matches", {"weapons", "tobacco"})


def test_a_decision_that_is_made_anew_is_of_the_same_event_and_names_the_old_one() -> None:
    signals = some_signals(2, np.random.default_rng(0))
    made = decided_anew(DECISION, signals, judged(gambling="block"), "abcdefabcdef", 1_800_000_000.0)
    for name in ("event_id", "image_id", "content_sha256", "source", "event_time", "notes"):
        assert getattr(made, name) == getattr(DECISION, name)
    assert made.supersedes == DECISION.decision_id
    assert made.decision_id == decision_id(DECISION.event_id, "abcdefabcdef", signals.made_by.model.fingerprint)
    assert (made.verdict, made.policy_set, made.scores) == ("block", "abcdefabcdef", {"gambling": 0.9})
    assert made.decided_at == "2027-01-15T08:00:00.000Z"


def test_canaries_are_known_by_their_ids() -> None:
    assert is_canary("sluice-canary/knife.png")
    assert not is_canary("my sluice-canary/knife.png")
