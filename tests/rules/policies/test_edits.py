"""Thresholds written back: the numbers change, and not one other byte."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.policies.edits import with_thresholds
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.policy_set import CalibratedFor
from pipeline.wire import Action

POLICIES = Path(__file__).parents[3] / "policies"
SHIPPED = sorted(path for path in POLICIES.glob("*.yaml") if not path.name.startswith("_"))
MODEL = CalibratedFor("sluice-emoji", "1f2e3d4c")
OTHER = CalibratedFor("ViT-B-32/laion2b", "0123456789012345")
NUMBER = rb"(?<=: )\d\.\d+"

BLOCK = b"""\
# ours
title: "Weapons"   # as the board calls them
prompts: [a knife,  a bomb]
actions:  # from the audit
    review:   0.60   # moderators

    block: 9e-1
    # label: 0.2 was too much
# what it must do
tests:
  must_flag: [a.png]
"""


def actions_of(content: bytes) -> dict[Action, float]:
    return dict(parse_policies({"p/weapons.yaml": content}).policies[0].actions)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_policies_change_in_their_numbers_alone(path: Path) -> None:
    content = path.read_bytes()
    old = actions_of(content)
    new: dict[Action, float] = {action: round(least / 2 + 0.003, 3) for action, least in old.items()}
    written = with_thresholds(content, new, None)
    assert re.sub(NUMBER, b"#", written) == re.sub(NUMBER, b"#", content)
    assert actions_of(written) == new
    assert with_thresholds(content, old, None) == content
    assert with_thresholds(written, old, None).count(b"\n") == content.count(b"\n")


def test_comments_order_blank_lines_and_spacing_stay() -> None:
    written = with_thresholds(BLOCK, {"review": 0.42, "block": 0.905}, MODEL)
    assert written == BLOCK.replace(b"0.60", b"0.42").replace(b"9e-1", b"0.905").replace(
        b"# what it must do\n",
        b"calibrated:  # written by `sluice policy calibrate`\n  model: sluice-emoji\n  fingerprint: 1f2e3d4c\n"
        b"# what it must do\n",
    )


def test_a_number_that_is_equal_stays_as_it_is_written() -> None:
    assert with_thresholds(BLOCK, {"review": 0.6, "block": 0.9}, None) == BLOCK


LAYOUTS = {
    "flow": b"title: x\nprompts: [a]\nactions: {review: 0.5, block: 0.5}  # both\nmode: shadow\n",
    "all flow": b"{title: x, prompts: [a], actions: {review: 0.5, block: 0.5}, mode: shadow}\n",
    "no newline at the end": b"title: x\nprompts: [a]\nactions:\n  review: 0.5\n  block: 0.5",
    "windows": BLOCK.replace(b"\n", b"\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + BLOCK,
    "indented": b"  title: x\n  prompts: [a]\n  actions:\n    review: .5\n    block: 5e-1\n  owner: me\n",
    "quoted": b"title: x\nprompts: [a]\n'actions':\n  \"review\": '0.5'\n  block: \"0.5\"\nmode: shadow\n",
    "other scripts": "title: 刀 🔪\nprompts: [🔪, нож]\nactions:\n  review: 0.5\n  block: 0.5\n".encode(),
    "document marks": b"---\ntitle: x\nprompts: [a]\nactions:\n  review: 0.5\n  block: 0.5\n...\n",
    "own lines": b"title: x\nprompts: [a]\nactions:\n  review:\n    0.5\n  block:\n    0.5\nmode: shadow\n",
    "anchored": b"title: x\nprompts: [a]\nactions:\n  review: &least 0.5\n  block: &most 0.5\nmode: shadow\n",
    "byte order mark and windows": b"\xef\xbb\xbf" + BLOCK.replace(b"\n", b"\r\n"),
    "old mac": BLOCK.replace(b"\n", b"\r"),
    "comments in the way": b"title: x\nprompts: [a]\nactions: # a\n  # b\n  review: 0.5 # c\n  # d\n  block: 0.5\n#e",
    "no model": BLOCK + b"calibrated:\n",
    "no model at the end": BLOCK + b"calibrated:",
    "no model, said so": BLOCK + b"calibrated: ~  # by hand\n",
    "other model": BLOCK + b"calibrated: {model: big, fingerprint: 'ff'}   # keep\n",
}


def test_keys_behind_question_marks_are_refused_in_words() -> None:
    content = b"? title\n: x\n? prompts\n: [a]\n? actions\n: review: 0.5\n  block: 0.9\n"
    with pytest.raises(ValueError, match="so laid out that the thresholds cannot be replaced in place"):
        with_thresholds(content, {"review": 0.25}, MODEL)


@pytest.mark.parametrize("content", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("model", [MODEL, OTHER], ids=["plain", "in quotes"])
def test_however_it_is_laid_out_it_says_what_it_should(content: bytes, model: CalibratedFor) -> None:
    written = with_thresholds(content, {"review": 0.255, "block": 0.75}, model)
    (before,), (policy,) = (parse_policies({"p/x.yaml": each}).policies for each in (content, written))
    assert (policy.actions, policy.calibrated) == ({"review": 0.255, "block": 0.75}, model)
    assert (policy.title, policy.prompts, policy.mode, policy.must_flag) == (
        before.title,
        before.prompts,
        before.mode,
        before.must_flag,
    )
    assert written.startswith(content[:3])
    assert (b"\r\n" in written) == (b"\r\n" in content)
    assert written.count(b"\r\n") in {0, written.count(b"\n")}
    assert with_thresholds(written, {"review": 0.255, "block": 0.75}, model) == written


def test_the_model_comes_behind_the_last_action() -> None:
    content = b"title: x\nprompts: [a]\nactions:\n  label: 0.1\n  review: 0.5\n  block: 0.9\nmode: shadow\n"
    written = with_thresholds(content, {}, MODEL)
    head, _, rest = written.partition(b"calibrated:")
    assert head == content.removesuffix(b"mode: shadow\n")
    assert rest.endswith(b"mode: shadow\n")


def test_a_model_whose_name_is_of_another_script_is_written_as_it_is() -> None:
    written = with_thresholds(LAYOUTS["all flow"], {}, CalibratedFor("\u043d\u043e\u0436", "ff"))
    assert "\u043d\u043e\u0436" in written.decode()


def test_the_model_is_replaced_where_it_stands() -> None:
    content = LAYOUTS["other model"]
    written = with_thresholds(content, {}, OTHER)
    assert written == content.replace(b"big", b'"ViT-B-32/laion2b"').replace(b"'ff'", b'"0123456789012345"')


def test_an_action_that_the_file_does_not_have_is_an_error() -> None:
    with pytest.raises(KeyError):
        with_thresholds(BLOCK, {"label": 0.1}, None)


@given(
    review=st.integers(0, 1_000_000).map(lambda millionths: millionths / 1e6),
    name=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12),
    layout=st.sampled_from(sorted(LAYOUTS)),
)
def test_any_number_and_any_model_name_come_back(review: float, name: str, layout: str) -> None:
    model = CalibratedFor(name, "0e1" + name)
    written = with_thresholds(LAYOUTS[layout], {"review": review, "block": 1.0}, model)
    (policy,) = parse_policies({"p/x.yaml": written}).policies
    assert (policy.actions, policy.calibrated) == ({"review": review, "block": 1.0}, model)


@pytest.mark.parametrize("content", LAYOUTS.values(), ids=LAYOUTS)
def test_a_guess_is_marked_and_the_mark_goes_with_it_however_it_is_laid_out(content: bytes) -> None:
    """Marked and shown, the file is what it would be, had it never been a guess."""
    guess = CalibratedFor(MODEL.model, MODEL.fingerprint, unproven=True)
    marked = with_thresholds(content, {}, guess)
    (policy,) = parse_policies({"p/x.yaml": marked}).policies
    assert policy.calibrated == guess
    assert with_thresholds(marked, {}, guess) == marked
    plain = with_thresholds(content, {}, MODEL)
    assert with_thresholds(marked, {}, MODEL) == plain
    remarked = with_thresholds(plain, {}, guess)
    assert parse_policies({"p/x.yaml": remarked}).policies[0].calibrated == guess
    assert with_thresholds(remarked, {}, MODEL) == plain


@pytest.mark.parametrize(
    "inside", ["{unproven: true, model: a, fingerprint: b}", "{model: a, unproven: yes, fingerprint: b}"]
)
def test_a_mark_is_taken_from_wherever_it_stands(inside: str) -> None:
    content = f"title: x\nprompts: [a]\nactions: {{review: 0.5}}\ncalibrated: {inside}  # ours\n".encode()
    written = with_thresholds(content, {}, CalibratedFor("a", "b"))
    assert written == content.replace(inside.encode(), b"{model: a, fingerprint: b}")
