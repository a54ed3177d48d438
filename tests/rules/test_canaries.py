"""What a canary is, and what its answer means: without a clock, a broker or a picture."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.canaries import LATE, Canary, Landed, Outcome, Outstanding, apart
from pipeline.wire import SEVERITY, Reply

KNIFE = Canary("samples/knife.webp", 60.0, "block")
CAT = Canary("cat, asleep.jpg", 5.5, "allow")
NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1).filter(lambda name: "expect" not in name)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("samples/knife.webp every 60 s expect block", KNIFE),
        ("  cat, asleep.jpg   every 5.5s   expect allow ", CAT),
        ("every day every 5 s expect allow", Canary("every day", 5.0, "allow")),
    ],
)
def test_a_canary_is_read(text: str, means: Canary) -> None:
    assert Canary.parse(text) == means


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a canary is 'FILE every SECONDS s expect allow|label|review|block'"),
        ("knife.webp", "a canary is 'FILE"),
        ("knife.webp every 5 expect block", "a canary is 'FILE"),
        ("knife.webp every -5 s expect block", "a canary is 'FILE"),
        ("knife.webp every 1e3 s expect block", "a canary is 'FILE"),
        ("knife.webp every nan s expect block", "a canary is 'FILE"),
        ("every 5 s expect block", "a canary is 'FILE"),
        ("knife.webp every 5 s expect block now", "a canary is 'FILE"),
        ("knife.webp every 0.9 s expect block", "at most every 1 s"),
        ("knife.webp every 0 s expect block", "at most every 1 s"),
        ("knife.webp every 5 s expect knives", "one of allow, label, review, block"),
        ("knife.webp every 5 s expect dead_letter", "one of allow, label, review, block"),
    ],
)
def test_what_is_none_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        Canary.parse(text)


@given(st.lists(st.tuples(NAMES, st.integers(1, 9999), st.sampled_from([*SEVERITY])), min_size=1, max_size=4))
def test_several_are_told_apart_whatever_their_files_are_called(named: list[tuple[str, int, str]]) -> None:
    canaries = [Canary(name, float(every), expect) for name, every, expect in named]
    text = ",".join(f"{each.file} every {each.every:g} s expect {each.expect}" for each in canaries)
    assert [Canary.parse(part) for part in apart(text)] == canaries


def under_way(patience: float = 10.0) -> Outstanding:
    found = Outstanding(patience)
    found.sent("n1", KNIFE, b"knife1", 100.0)
    found.sent("n2", CAT, b"cat2", 100.0)
    return found


def reply(nonce: str, content: bytes, verdict: str | None) -> Reply:
    return Reply(nonce, sha256(content).hexdigest(), verdict)


@pytest.mark.parametrize(
    ("verdict", "outcome"), [("block", Outcome.RIGHT), ("allow", Outcome.WRONG), (None, Outcome.DEAD_LETTER)]
)
def test_the_first_answer_counts_and_no_other(verdict: str | None, outcome: Outcome) -> None:
    it = under_way()
    assert it.answered(reply("n1", b"knife1", verdict), 103.0) == Landed(KNIFE, 3.0, outcome)
    assert it.answered(reply("n1", b"knife1", "block"), 104.0) is None
    assert it.missing(111.0) == [CAT]


@pytest.mark.parametrize("nonce", ["", "n3", "n2"])
def test_an_answer_that_is_not_about_what_was_sent_is_none(nonce: str) -> None:
    """Whoever reads the answers knows the nonce, and may send other bytes with it: those are not our canary."""
    it = under_way()
    assert it.answered(reply(nonce, b"knife1", None), 101.0) is None
    assert it.answered(reply("n2", b"cat2", "allow"), 102.0) == Landed(CAT, 2.0, Outcome.RIGHT)


def test_one_that_stays_away_is_missing_once_and_a_late_answer_changes_nothing_but_tells_how_late() -> None:
    it = under_way()
    assert it.missing(110.0) == []
    assert it.missing(110.1) == [KNIFE, CAT]
    assert it.missing(111.0) == []
    assert it.answered(reply("n1", b"knife1", "block"), 500.0) == Landed(KNIFE, 400.0, None)
    assert it.answered(reply("n1", b"knife1", "block"), 501.0) is None


def test_what_never_comes_is_forgotten() -> None:
    it = under_way()
    it.missing(111.0)
    it.missing(100.0 + 10.0 + LATE + 1)
    assert it.answered(reply("n1", b"knife1", "block"), 4000.0) is None
    assert not it._sent
    assert not it._given_up


@given(st.lists(st.sampled_from(["send", "right", "wrong", "look"]), max_size=60))
def test_each_that_was_sent_has_one_outcome_in_the_end(steps: list[str]) -> None:
    it, now, sent, outcomes = Outstanding(5.0), 0.0, 0, 0
    for step in [*steps, "end"]:
        now += 100.0 if step == "end" else 1.0
        if step == "send":
            it.sent(str(sent), KNIFE, str(sent).encode(), now)
            sent += 1
        elif step in {"right", "wrong"} and sent:
            landed = it.answered(reply(str(sent - 1), str(sent - 1).encode(), "block"), now)
            outcomes += landed is not None and landed.outcome is not None
        outcomes += len(it.missing(now))
    assert outcomes == sent
