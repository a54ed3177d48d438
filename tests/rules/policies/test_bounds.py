"""A folder of any size and any numbers costs a bounded time and memory, and is told what the bound is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PolicyError
from pipeline.rules.heads import SCORE_DIGITS, compile_policies
from pipeline.rules.policies.bounds import (
    MOST_BACKGROUND,
    MOST_BYTES,
    MOST_CHARACTERS,
    MOST_IN_ALL,
    MOST_PARTS,
    MOST_POLICIES,
    MOST_SENTENCES,
    MOST_TEXTS,
)
from pipeline.rules.policies.files import BUILT_IN, parse_policies
from pipeline.rules.policies.forms import LEAST_SHARE
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.rules.policies.yaml_lines import YamlError, load

BACKGROUND = "".join(f"thing number {number}\n" for number in range(200)).encode()


def policy(*prompts: str, block: str = "0.9") -> bytes:
    lines = "".join(f"  - {prompt}\n" for prompt in prompts or ("a knife",))
    return f"title: Weapons\nprompts:\n{lines}actions:\n  block: {block}\n".encode()


def problems(files: Mapping[str, bytes]) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policies({BUILT_IN: BACKGROUND, **files})
    return [str(problem) for problem in caught.value.problems]


def test_a_policy_has_as_many_sentences_as_the_bound_and_no_more() -> None:
    sentences = [f"knife number {number}" for number in range(MOST_SENTENCES)]
    assert len(parse_policies({BUILT_IN: BACKGROUND, "p/a.yaml": policy(*sentences)}).policies[0].prompts) == 1000
    (found,) = problems({"p/a.yaml": policy(*sentences, "one more")})
    assert found.startswith("p/a.yaml:2: 1,001 prompts and unless; a policy may have 1,000")


def test_a_background_of_too_many_lines_is_told_the_bound() -> None:
    files = {"p/a.yaml": policy(), "p/_defaults.yaml": b"background: things.txt\n"}
    lines = "".join(f"thing {number}\n" for number in range(80_000)).encode()
    (found,) = [each for each in problems({**files, "p/things.txt": lines}) if "background" in each]
    assert found.startswith(f"p/things.txt: 80,000 lines; a background may have {MOST_BACKGROUND:,}")


def test_a_folder_of_too_many_policies_is_not_even_parsed() -> None:
    files = {f"p/p{number}.yaml": b"\xff" for number in range(MOST_POLICIES + 1)}
    assert problems(files) == [f"p: 501 policies; a folder may have {MOST_POLICIES}"]
    large = {f"p/p{number}.yaml": b"#" * (1 << 20) for number in range(5)}
    assert problems(large) == [f"p: 5,242,880 bytes of policies; a folder may have {MOST_BYTES:,}"]


def test_all_policies_together_have_a_bound() -> None:
    files = {
        f"p/p{number}.yaml": policy(*(f"thing {number} of {each}" for each in range(MOST_SENTENCES)))
        for number in range(MOST_IN_ALL // MOST_SENTENCES)
    }
    assert problems(files) == [f"p: 20,200 different sentences in all; a folder may have {MOST_IN_ALL:,}"]


def test_sentences_times_templates_have_a_bound() -> None:
    templates = "".join(f"  - '{{}} {number}'\n" for number in range(2000))
    files = {"p/a.yaml": policy(), "p/_defaults.yaml": f"templates:\n{templates}".encode()}
    (found,) = problems(files)
    assert (
        f"201 sentences through 2000 templates are 402,000 texts for the model to read; it may be {MOST_TEXTS:,}"
        in found
    )


@pytest.mark.parametrize("where", ["prompt", "background"])
def test_a_sentence_that_no_model_reads_to_its_end_is_refused_without_a_model(where: str) -> None:
    long = "a " * MOST_CHARACTERS
    files = {"p/a.yaml": policy(), "p/_defaults.yaml": b"background: b.txt\n", "p/b.txt": BACKGROUND}
    files |= {"p/a.yaml": policy("a gun", long)} if where == "prompt" else {"p/b.txt": BACKGROUND + long.encode()}
    (found,) = problems(files)
    assert found.startswith("p/a.yaml:4: " if where == "prompt" else "p/b.txt:201: ")
    assert "3,999 characters; no model reads more than 2,000" in found


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 50_000,
        "a: " + "[" * 50_000 + "]" * 50_000,
        "{" * 50_000,
        "- " * 50_000,
        "? " * 50_000,
        "a: [" + "a," * 100_000 + "a]",
        "".join(f"key{number}: 1\n" for number in range(50_000)),
        "a:\n" + "- - - a\n" * 50_000,
    ],
    ids=["open", "closed", "braces", "dashes", "questions", "commas", "keys", "lists"],
)
def test_yaml_that_would_take_minutes_is_refused_where_it_becomes_too_much(text: str) -> None:
    """The first took five minutes of the interpreter's lock; each of these would go past the time a test may take."""
    for larger in (text, text * 5):
        with pytest.raises(YamlError, match=r"nested too deeply|more than 5,000 values"):
            load(larger)


def test_a_file_with_as_many_values_as_a_policy_needs_is_read() -> None:
    samples = "".join(f"    - {number}.png\n" for number in range(MOST_PARTS - MOST_SENTENCES - 100))
    assert len(load(f"title: a\ntests:\n  must_flag:\n{samples}").value["tests"]["must_flag"]) == 3900


@pytest.mark.parametrize(
    "written", ["1e-400", "'1e-400'", "0.0000000001", "-1e-400", "1e-7", f"0.{'0' * 400}1", "+1E-99999"]
)
def test_a_number_that_a_float_makes_nothing_of_is_refused(written: str) -> None:
    (found,) = problems({"p/a.yaml": policy(block=written)})
    assert found.startswith("p/a.yaml:5: 'actions.block': write 0 or at least 0.000001, not ")


@pytest.mark.parametrize(
    ("written", "means"),
    [("0", 0.0), ("0.000001", 1e-6), ("1e-6", 1e-6), ("5e-1", 0.5), (".5", 0.5), ("1", 1.0), ("0.0", 0.0)],
)
def test_a_number_that_a_float_has_is_taken(written: str, means: float) -> None:
    (made,) = parse_policies({BUILT_IN: BACKGROUND, "p/a.yaml": policy(block=written)}).policies
    assert made.actions == {"block": means}
    assert type(made.actions["block"]) is float


def test_the_least_threshold_is_the_least_score_but_0() -> None:
    assert LEAST_SHARE == 10**-SCORE_DIGITS


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(0, 1, places=9))
def test_every_threshold_that_is_taken_is_the_number_that_was_written(number: object) -> None:
    try:
        (made,) = parse_policies({BUILT_IN: BACKGROUND, "p/a.yaml": policy(block=str(number))}).policies
    except PolicyError:
        return
    assert made.actions["block"] == float(str(number))
    assert (made.actions["block"] == 0) == (number == 0)


def test_the_largest_set_takes_a_bounded_memory() -> None:
    """A background of 80,000 lines asked for 23.9 GiB, because each was compared with every other."""
    each = (MOST_IN_ALL - MOST_BACKGROUND) // MOST_POLICIES
    lines = tuple(f"thing {number}" for number in range(MOST_BACKGROUND))
    policies = tuple(
        Policy(f"p{number}", "", tuple(f"{number} {prompt}" for prompt in range(each)), {"block": 0.9})
        for number in range(MOST_POLICIES)
    )
    policy_set = PolicySet(policies, Defaults(background=lines))
    vectors = np.random.default_rng(0).normal(size=(MOST_IN_ALL, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    features = dict(zip(policy_set.sentences(), vectors, strict=True))
    tracemalloc.start()
    try:
        compile_policies(policy_set, features, 100.0, None)
        assert tracemalloc.get_traced_memory()[1] < 250e6
    finally:
        tracemalloc.stop()
