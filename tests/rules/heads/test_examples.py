"""The head of pictures: when it is used, what it scores, and what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.rules.heads import compile_policies
from pipeline.rules.heads.examples import ExamplesHead, compile_examples
from pipeline.rules.heads.fitting import fit_examples
from pipeline.rules.heads.head import Texts
from pipeline.rules.heads.prompts import compile_prompts
from pipeline.rules.policies.policy_set import Defaults, Examples, Policy, PolicySet
from pipeline.rules.wilson import wilson
from pipeline.wire import ExamplesEvidence
from tests.rules.heads.pictures_shown import near, seen, shown

DIM = 32
AXES = np.eye(DIM)
THING, LIKE = AXES[0], AXES[0] * 0.8 + AXES[1] * 0.6
LINES = ("tree", "sky", "sea")
TEXT = {word: AXES[at].astype(np.float32) for at, word in enumerate(("word", *LINES), 20)}
PICTURES = {f"{at}.jpg": near(THING, at, 0.05) for at in range(4)}
ASSETS = seen(PICTURES | {"like.jpg": near(LIKE, 9, 0.02)}, DIM)
POLICY = Policy("p", "", ("word",), {"review": 0.5}, examples=Examples(shown(*PICTURES)))


def made(policy: Policy = POLICY, text: dict[str, np.ndarray] = TEXT) -> ExamplesHead:
    return compile_examples(PolicySet((policy,), Defaults(background=LINES)), Texts(text, 20.0, None, ASSETS))


def examples(*match: str, look_alike: tuple[str, ...] = ()) -> Policy:
    return replace(POLICY, examples=Examples(shown(*match), shown(*look_alike)))


def score(head: ExamplesHead, direction: np.ndarray) -> float:
    return float(head.look([near(direction, 50, 0.05)]).scores[0, 0])


def test_what_is_like_the_pictures_scores_and_nothing_else_does() -> None:
    head = made()
    assert score(head, THING) > 0.9
    assert score(head, AXES[5]) < 0.05
    assert score(head, -THING) < 1e-6


def test_it_is_not_used_where_it_cannot_be_shown_to_beat_the_text() -> None:
    assert made(examples("0.jpg")).ids == ()
    knows = TEXT | {"word": THING.astype(np.float32)}
    assert made(text=knows).ids == ()
    [fitted] = fit_examples(PolicySet((POLICY,), Defaults(background=LINES)), Texts(knows, 20.0, None, ASSETS))
    assert fitted.found_by_text == 4
    assert not made(replace(POLICY, examples=Examples())).ids


def test_pictures_that_have_nothing_in_common_are_not_used() -> None:
    apart = {f"{at}.jpg": near(AXES[4 + at], at, 0.05) for at in range(4)}
    policy_set = PolicySet((POLICY,), Defaults(background=LINES))
    assert compile_examples(policy_set, Texts(TEXT, 20.0, None, seen(apart, DIM))).ids == ()


def test_without_neutral_pictures_there_is_nothing_to_tell_them_from() -> None:
    policy_set = PolicySet((POLICY,), Defaults(background=LINES))
    assert compile_examples(policy_set, Texts(TEXT, 20.0, None, seen(PICTURES, DIM, neutral=15))).ids == ()


@pytest.mark.parametrize(("flagged", "used"), [(0, True), (4, True), (5, False), (30, False)])
def test_what_flags_pictures_of_several_other_things_is_not_used(flagged: int, used: bool) -> None:
    """Examples that show several things have that in common, too."""
    several = [near(THING if at < flagged else AXES[at % 4 + 10], at, 0.02) for at in range(40)]
    words = Texts(TEXT, 20.0, None, seen(PICTURES, DIM, several=several))
    policy_set = PolicySet((POLICY,), Defaults(background=LINES))
    assert compile_examples(policy_set, words).ids == (("p",) if used else ())
    (fitted,) = fit_examples(policy_set, words)
    assert fitted.several_flagged == pytest.approx(flagged / 40)
    assert fitted.neutral_flagged == 0


def test_a_look_alike_takes_what_is_nearer_to_it() -> None:
    plain, warned = made(), made(examples(*PICTURES, look_alike=("like.jpg",)))
    assert score(plain, LIKE) > 0.5 > score(warned, LIKE)
    assert score(warned, THING) > 0.9


def test_neither_the_order_of_the_pictures_nor_their_names_change_a_score() -> None:
    forth, back = made(), made(examples(*reversed(PICTURES)))
    images = [near(THING * share + AXES[6], 60, 0.05) for share in np.linspace(0, 3, 20)]
    assert forth.look(images).scores.round(9).tolist() == back.look(images).scores.round(9).tolist()


def test_a_policy_has_the_greater_score_of_its_text_and_its_pictures_and_says_which() -> None:
    compiled = compile_policies(PolicySet((POLICY,), Defaults(background=LINES)), TEXT, 20.0, None, ASSETS)
    opinion = compiled.look([near(THING, 1, 0.05), near(AXES[20], 2, 0.05)])
    assert (opinion.scores > 0.9).all()
    found = opinion.evidence(0, 0)
    assert isinstance(found, ExamplesEvidence)
    assert (found.picture, found.cosine) == ("1.jpg", pytest.approx(1.0, abs=1e-6))
    assert str(found) == "like '1.jpg'"
    assert str(opinion.evidence(1, 0)) == "'word'"


def test_what_the_text_says_of_an_image_counts_beside_the_pictures() -> None:
    """Halfway to the pictures, an image that the text speaks for scores more than one of which it says nothing."""
    plain, spoken = (near(THING * 0.55 + AXES[at], 50, 0.0) for at in (6, 20))
    head = made()
    [with_word], [without] = head.look([spoken]).scores, head.look([plain]).scores
    assert with_word[0] > without[0] + 0.01


def test_the_same_is_said_with_and_without_what_the_head_of_prompts_has_said() -> None:
    policy_set, words = (
        PolicySet((replace(POLICY, id="a", examples=Examples()), POLICY), Defaults(background=LINES)),
        Texts(TEXT, 20.0, None, ASSETS),
    )
    head, images = compile_examples(policy_set, words), [near(THING + AXES[20] * at, at, 0.1) for at in range(4)]
    said = compile_prompts(policy_set, words).look(images)
    assert head.look(images, [said]).scores == pytest.approx(head.look(images).scores, abs=1e-9)


def test_wilsons_interval_is_the_published_one() -> None:
    assert wilson(4, 4)[0] == pytest.approx(0.5101, abs=1e-3)
    assert wilson(0, 5)[0] == pytest.approx(0, abs=1e-9)
    assert wilson(8, 10)[0] == pytest.approx(0.4901, abs=1e-3)
