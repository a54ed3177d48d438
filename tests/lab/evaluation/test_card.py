"""The card states the run and the figures that were measured."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.lab.data.extract import Unreadable
from pipeline.lab.evaluation.by_hand import HandRow
from pipeline.lab.evaluation.card import CARD_FILE, KIND_TITLES, WORDING_TITLES, write_emoji_card, write_pairs_card
from pipeline.lab.evaluation.evaluate import Evaluation
from pipeline.lab.evaluation.findings import Amounts, Findings, PolicyRow
from pipeline.lab.evaluation.metrics import Slice, TopK
from pipeline.lab.evaluation.precision import rate
from pipeline.lab.evaluation.reliability import Reliability
from pipeline.lab.evaluation.shares import Estimate, share
from pipeline.lab.training.record import RECORD_FILE, TrainingRecord

RECORD = TrainingRecord(
    command="sluice train OUT --batch 256 --seed 7",
    began_from="random weights",
    data="rendered emoji scenes",
    samples=1_600_000,
    unreadable=0,
    plan={"batch": 256},
    parameters=5_915_129,
    device="2 cores of a CPU",
    precision="float32",
    minutes=61.5,
    logit_scale=37.12,
    scale_was_fitted=True,
)


def evaluation(hits: int, total: int, *, tops: tuple[int, ...] = (1, 5), groups: tuple[str, ...] = ()) -> Evaluation:
    return Evaluation(
        data="scenes",
        images=total,
        scored=total,
        unlabelled=0,
        unreadable=(),
        classes=1354,
        templates=("{}",),
        top=tuple(TopK(k, share(min(total, hits + k - 1), total)) for k in tops),
        confidence="softmax",
        calibration=Reliability(ece=0.0342, overconfidence=0.01, bins=()),
        template_gain=Estimate(0.012, 0.003, 0.021),
        groups=tuple(Slice(name, share(hits, total), total, None) for name in groups),
        gap=None,
        by_class=tuple(Slice(name, share(hits, total), total, None) for name in ("a", "b", "c")),
        shifts=(),
        shift_unreadable=(),
    )


def findings() -> Findings:
    return Findings(
        kinds={
            kind: evaluation(2400 + place, 2708, groups=("35% to 50%",)) for place, kind in enumerate(KIND_TITLES)
        },
        wordings={part: evaluation(9, 40) for part in WORDING_TITLES},
        policies=(PolicyRow("tobacco", "label", 0.45, share(290, 295), share(290, 300), 5, 2877, 0.002),),
        policy_ece=0.00123,
        amounts=Amounts(positives=120, negatives=1400),
    )


def written(folder: Path) -> str:
    card = (folder / CARD_FILE).read_text(encoding="utf-8")
    assert not re.search(r"[{}]", card), "everything is filled in"
    assert "nan" not in card
    return card


def rows(card: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in card.splitlines() if line[:1] == "|"]


def test_a_card_says_what_was_run(tmp_path: Path) -> None:
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"x" * 1234)
    (tmp_path / CARD_FILE).write_text("an older card", encoding="utf-8")
    write_emoji_card(tmp_path, replace(RECORD, note="Interrupted twice."), findings())
    card = written(tmp_path)
    for fact in (RECORD.command, "1,600,000", "5,915,129", "1,234 bytes", "62 minutes", "37.1", "Interrupted twice."):
        assert fact in card
    assert "could not be read" not in card
    assert "It knows nothing of photographs" in card


def test_a_card_has_every_figure_in_its_tables(tmp_path: Path) -> None:
    write_emoji_card(tmp_path, RECORD, findings())
    card = written(tmp_path)
    table = {row[0]: row[1:] for row in rows(card)}
    for place, title in enumerate(KIND_TITLES.values()):
        assert table[title][0].startswith(f"{(2400 + place) / 2708:.1%} (")
        assert table[title][1].startswith(f"{(2404 + place) / 2708:.1%} (")
    for title in WORDING_TITLES.values():
        assert table[title][:2] == ["3", "22.5% (12.3% to 37.5%)"]
    assert table["35% to 50%"][0] == "2708"
    assert table["tobacco"][0] == "label 0.45"
    assert table["tobacco"][3:] == ["5 of 2,877", "0.002"]
    for fact in ("0.034", "+1.2%", "0.0012", "120 scenes of its things, and 1,400 that all"):
        assert fact in card


def test_a_card_has_a_row_for_each_hand_and_says_which_the_model_learned_from(tmp_path: Path) -> None:
    hands = tuple(
        HandRow(name, learned, evaluation(hits, 200), share(hits, 190), share(hits, 200))
        for name, learned, hits in (("twemoji", True, 180), ("mine", True, 170), ("openmoji", False, 120))
    )
    plan = {"batch": 256, "data": "twemoji with 1354 drawings, 2e3d4c5c; mine with 3 drawings, e30e2cf8"}
    write_emoji_card(tmp_path, replace(RECORD, plan=plan), findings(), hands=hands)
    card = written(tmp_path)
    table = {row[0]: row[1:] for row in rows(card)}
    assert [table[name][0] for name in ("twemoji", "mine", "openmoji")] == ["yes", "yes", "never"]
    assert table["openmoji"][1].startswith("60.0% (")
    assert table["openmoji"][3] == "0.034"
    assert table["twemoji"][5].startswith("90.0% (")
    assert "and by twemoji and mine, whole" in card
    assert "twemoji, CC BY 4.0" in card
    assert "other vendors' emoji" not in card
    write_emoji_card(tmp_path, RECORD, findings())
    alone = written(tmp_path)
    assert "other vendors' emoji" in alone
    assert "drawn by" not in alone
    assert "twemoji" not in alone


def test_a_card_of_somebodys_weights_claims_nothing_of_what_they_learned_from(tmp_path: Path) -> None:
    theirs = replace(RECORD, began_from="ViT-B-32 --pretrained laion2b_s34b_b79k")
    write_emoji_card(tmp_path, theirs, replace(findings(), preprocess="exact"))
    card = written(tmp_path)
    untrue = ("Sluice's bundled model", "nobody else's weights", "as Sluice itself", "knows nothing of photographs")
    assert not [each for each in untrue if each in card]
    assert card.startswith(f"# {tmp_path.name}\n")
    assert "as those allow that they began from, ViT-B-32 --pretrained laion2b_s34b_b79k" in card
    assert "(exact preprocessing" in card
    write_emoji_card(tmp_path, RECORD, findings())
    assert "nobody else's weights" in written(tmp_path)
    assert "(fast preprocessing" in written(tmp_path)


def test_hands_are_known_whatever_their_folders_are_called() -> None:
    data = "stickers with love with 3 drawings, e30e2cf8; a; b with 12 drawings, 00112233"
    found = replace(RECORD, plan={"data": data})
    assert found.hands == ("stickers with love", "a; b")
    assert found.hands_known_by == {"stickers with love", "a; b", "e30e2cf8", "00112233"}
    assert replace(RECORD, plan={"data": "captions.csv with 38 pairs, 01234567"}).hands == ()


def test_a_policy_that_flagged_nothing_has_no_precision(tmp_path: Path) -> None:
    none = PolicyRow("tobacco", "label", 0.45, rate(0, 0), share(0, 300), 0, 2877, 0.002)
    write_emoji_card(tmp_path, RECORD, replace(findings(), policies=(none,)))
    (row,) = [row for row in rows(written(tmp_path)) if row[0] == "tobacco"]
    assert row[2:4] == ["nothing flagged", "0.0% (0.0% to 1.3%)"]


@pytest.mark.parametrize("tops", [(1,), (1, 5)])
def test_a_card_of_pairs_says_what_was_found_among_few_captions_too(tmp_path: Path, tops: tuple[int, ...]) -> None:
    """Of five captions or fewer the first five would be all."""
    found = replace(evaluation(3, 4, tops=tops), unreadable=(Unreadable("a.png", "empty", "no bytes"),))
    write_pairs_card(tmp_path, replace(RECORD, data="70 pairs", unreadable=2), found)
    card = written(tmp_path)
    table = {row[0]: row[1] for row in rows(card)}
    assert table["first"].startswith("75.0% (")
    assert ("among the first 5" in table) == (5 in tops)
    assert "2 pictures could not be read" in card
    assert "1 more were kept that could not be read" in card
    assert "emoji" not in card


def test_a_card_of_pairs_that_were_not_tested_says_so(tmp_path: Path) -> None:
    write_pairs_card(tmp_path, RECORD, None)
    assert "Nothing: too few pairs" in written(tmp_path)


def test_a_training_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    RECORD.write(tmp_path)
    assert TrainingRecord.read(tmp_path) == RECORD


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", "7", '{"command": "sluice train"}'])
def test_a_folder_without_a_training_record_is_one_line_that_says_so(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / RECORD_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"training\.json") as error:
        TrainingRecord.read(tmp_path)
    assert "\n" not in str(error.value)
