"""What policies may name beside themselves, what is said of slips, and which versions it changes."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PolicyError
from pipeline.rules.policies.assets import Asset, leads_out, matching, names_in
from pipeline.rules.policies.differences import differences
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.policy_set import PolicySet

POLICY = "title: Vapes\nprompts: [a vape]\nactions: {review: 0.5}\n"
DEFAULTS = b"allow_thin_background: true\n"


def beside(**contents: str) -> dict[str, Asset]:
    paths = {name.replace("__", "/").replace("_jpg", ".jpg"): text.encode() for name, text in contents.items()}
    return {path: Asset(path, sha256(data).hexdigest(), data) for path, data in paths.items()}


ASSETS = beside(ex__a_jpg="a", ex__b_jpg="b", pen_jpg="pen", copy_jpg="a")


def parsed(examples: str, assets: dict[str, Asset] = ASSETS) -> PolicySet:
    files = {"p/vapes.yaml": (POLICY + examples).encode(), "p/_defaults.yaml": DEFAULTS}
    return parse_policies(files, assets=assets)


def said(examples: str, assets: dict[str, Asset] = ASSETS) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        parsed(examples, assets)
    return [f"{each.line}: {each.reason}" for each in refused.value.problems]


TWICE = "stands in 'examples.match' already, in line 5;"
OUT = "is no path in this folder; put the file into it, and say where"


@pytest.mark.parametrize(
    ("examples", "reason"),
    [
        ("examples:\n  match:\n    - gone.jpg\n", "6: 'gone.jpg': no such file; paths are relative to this file"),
        ("examples:\n  match: [ex/c*.jpg]\n", "5: 'ex/c*.jpg': no file fits it; paths are relative to this file"),
        ("examples:\n  match: [ex/a.jpg, ex/*.jpg]\n", f"5: 'ex/a.jpg' {TWICE} keep one"),
        (
            "examples:\n  match: [ex/*.jpg]\n  look_alike: [ex/b.jpg]\n",
            f"6: 'ex/b.jpg' {TWICE} it cannot be both",
        ),
        (
            "examples:\n  match: [ex/a.jpg, copy.jpg]\n",
            f"5: 'copy.jpg', which is the same file as 'ex/a.jpg', {TWICE} keep one",
        ),
        ("examples:\n  match: [../a.jpg]\n", f"5: '../a.jpg' {OUT}"),
        ("examples:\n  match: [/a.jpg]\n", f"5: '/a.jpg' {OUT}"),
        ("examples:\n  look_alike: [pen.jpg]\n", "4: 'examples' has look-alikes alone; name some that match, too"),
        ("examples:\n  matches: [pen.jpg]\n", "5: unknown key 'examples.matches'; did you mean 'match'?"),
        ("examples: [pen.jpg]\n", "4: 'examples' is a list; leave out the dashes or brackets, as in 'match:'"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_line(examples: str, reason: str) -> None:
    assert said(examples) == [reason]


def test_a_file_that_could_not_be_read_is_named_where_the_policy_names_it() -> None:
    assets = {"a.jpg": Asset("a.jpg", "", problem="cannot be read: Permission denied")}
    assert said("examples:\n  match: [a.jpg]\n", assets) == ["5: 'a.jpg' cannot be read: Permission denied"]


def test_versions_name_contents_and_neither_names_nor_order() -> None:
    def version(examples: str, assets: dict[str, Asset] = ASSETS) -> str:
        return parsed(examples, assets).version

    one = version("examples:\n  match: [ex/a.jpg, ex/b.jpg]\n  look_alike: [pen.jpg]\n")
    assert one == version("examples:\n  look_alike: [pen.jpg]\n  match: [ex/b.jpg, copy.jpg]\n")
    others = {
        version("examples:\n  match: [ex/a.jpg, pen.jpg]\n  look_alike: [ex/b.jpg]\n"),
        version("examples:\n  match: [ex/a.jpg, ex/b.jpg]\n"),
        version(
            "examples:\n  match: [ex/a.jpg, ex/b.jpg]\n  look_alike: [pen.jpg]\n", ASSETS | beside(pen_jpg="ink")
        ),
        version(""),
    }
    assert len(others) == 4
    assert one not in others
    assert version("") == version("examples:\n  match: []\n")


def test_a_difference_of_contents_alone_is_told() -> None:
    examples = "examples:\n  match: [ex/a.jpg]\n"
    [changed] = differences(parsed(examples), parsed(examples, ASSETS | beside(ex__a_jpg="another")))
    assert changed.scores
    assert [(each.key, each.said, each.text) for each in changed.differences] == [
        ("examples: match", "another file", "ex/a.jpg")
    ]


def test_a_name_that_is_there_is_no_glob() -> None:
    assets = {path: Asset(path, path) for path in ("a[1].jpg", "a1.jpg")}
    assert [each.path for each in matching("a[1].jpg", assets)] == ["a[1].jpg"]
    assert [each.path for each in matching("a?.jpg", assets)] == ["a1.jpg"]


@given(st.text(max_size=40))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    content = f"examples: {{match: [{name!r}]}}".encode(errors="replace")
    assert not any(leads_out(each) for each in names_in(content))


@given(st.binary(max_size=60))
def test_whatever_a_file_holds_its_names_can_be_asked_for(content: bytes) -> None:
    names_in(b"lists: " + content)


def test_the_folder_itself_is_named_as_it_is_written() -> None:
    there = {"": Asset("", "", problem="cannot be read: a folder, and assets are files; rename it")}
    content = b"title: T\nprompts: [a]\nexamples: {match: [.]}\nactions: {review: 0.5}\n"
    with pytest.raises(PolicyError, match=r"t.yaml:3: '\.' cannot be read: a folder"):
        parse_policies({"p/t.yaml": content}, assets=there)
