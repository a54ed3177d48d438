"""The model that ships: small, loadable, and as good on fresh scenes as its card says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import pytest

from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.adapters.memory import MemoryTextCache
from pipeline.adapters.open_clip import BUNDLED_MODEL, load_encoder, load_parts
from pipeline.adapters.pillow import PillowDecoder
from pipeline.lab.data.judged import image_scores
from pipeline.lab.evaluation.card import CARD_FILE, KIND_TITLES, WORDING_TITLES
from pipeline.lab.evaluation.findings import Subject
from pipeline.lab.evaluation.shares import difference, share
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.scene_set import emoji_scenes, policy_scenes
from pipeline.lab.scenes.truth import ABOUT
from pipeline.lab.training.bpe import MERGES_FILE
from pipeline.lab.training.model import CONTEXT_LENGTH, IMAGE_SIZE
from pipeline.lab.training.record import RECORD_FILE, TrainingRecord
from pipeline.lab.training.trainee import CONFIG_FILE, WEIGHTS_FILE
from pipeline.path.live import LivePolicies
from pipeline.ports import Hooks

POLICIES = Path(__file__).parents[2] / "policies"
SEED = 2**43  # of no run, and of no figure on the card
SCENES = 300
POLICY, POSITIVES = "alcohol", 100
Z = NormalDist().inv_cdf(0.9995)
"""The card's figure lies in 99.9% of the intervals that samples of an honestly measured model give."""


def rows() -> dict[str, list[str]]:
    """The card's tables, by their first column."""
    card = (BUNDLED_MODEL / CARD_FILE).read_text(encoding="utf-8")
    lines = [line.strip("|").split("|") for line in card.splitlines() if line.startswith("|")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def percent(cell: str) -> float:
    """0.912 of a cell like 91.2% (90.1% to 92.2%)."""
    return float(cell.partition("%")[0]) / 100


def agrees(hits: int, total: int, figure: float) -> bool:
    sample = share(hits, total, Z)
    return sample.low - 0.0005 <= figure <= sample.high + 0.0005  # the card rounds to a tenth of a percent


@pytest.fixture(scope="module")
def subject(atlas: Atlas) -> Subject:
    encoder = load_encoder("bundled", device="cpu", threads=2)
    decoder = PillowDecoder(encoder.spec, preprocess="fast", max_frames=8, max_pixels=64_000_000)
    return Subject(encoder, decoder, atlas, threads=2)


def test_the_folder_is_small_and_holds_nothing_else() -> None:
    files = {path.name: path.stat().st_size for path in BUNDLED_MODEL.iterdir()}
    assert {*files} == {CONFIG_FILE, WEIGHTS_FILE, MERGES_FILE, RECORD_FILE, CARD_FILE}
    assert sum(files.values()) <= 12_000_000


def test_it_names_fresh_scenes_as_often_as_its_card_says(subject: Subject) -> None:
    found = subject.evaluate("alone", emoji_scenes(SCENES, SEED, atlas=subject.atlas))
    assert found.scored == SCENES
    for top, cell in zip(found.top, rows()[KIND_TITLES["alone"]], strict=True):
        assert agrees(round(top.accuracy.value * SCENES), SCENES, percent(cell)), (top, cell)


def test_a_shipped_policy_flags_fresh_scenes_as_often_as_the_card_says(subject: Subject) -> None:
    """With the threshold that the card was written for."""
    live = LivePolicies(subject.encoder, MemoryTextCache(), Hooks())
    live.offer(read_policy_folder(POLICIES).files)
    compiled = live()
    whole = policy_scenes(POSITIVES, SCENES, SEED, atlas=subject.atlas)
    dataset = replace(whole, examples=[each for each in whole.examples if POLICY not in each.ignore])
    extracted = subject.extract("policy", dataset)
    column = [policy.id for policy in compiled.policies].index(POLICY)
    scores = image_scores(extracted, compiled)[:, column]
    flagged = scores >= min(compiled.policies[column].actions.values())
    shown = [POLICY in each.labels for each in extracted.examples]

    threshold, _, recall, false, _ = rows()[POLICY]
    assert float(threshold.split()[1]) == min(compiled.policies[column].actions.values())
    assert agrees(int(flagged[shown].sum()), sum(shown), percent(recall))
    flags, harmless = (int(number.replace(",", "")) for number in false.split(" of "))
    wrong = sum(flag and not about for flag, about in zip(flagged.tolist(), shown, strict=True))
    # The card's own figure is a sample too: zero of 2,976 is no promise of none in 300.
    apart = difference((wrong, len(shown) - sum(shown)), (flags, harmless), Z)
    assert apart.low <= 0 <= apart.high


def test_the_card_has_a_row_for_all_that_is_measured() -> None:
    found = rows()
    for title in (
        *(KIND_TITLES[kind] for kind in KIND_TITLES if kind != "symbola"),
        *WORDING_TITLES.values(),
        *ABOUT,
    ):
        assert len(found[title]) >= 2, title
    assert sum(name.endswith("of the frame") for name in found) == 4


def test_the_card_says_what_made_the_model_and_what_it_is_no_good_for() -> None:
    card = (BUNDLED_MODEL / CARD_FILE).read_text(encoding="utf-8")
    record = TrainingRecord.read(BUNDLED_MODEL)
    assert "It knows nothing of photographs" in card
    assert f"`{record.command}`" in card
    size = sum(path.stat().st_size for path in BUNDLED_MODEL.iterdir() if path.name != CARD_FILE)
    assert f"{size:,} bytes" in card, "written after the files that it speaks of"
    assert not re.search(r"[{}]|nan%", card)


def test_it_is_what_its_record_says() -> None:
    record, parts = TrainingRecord.read(BUNDLED_MODEL), load_parts("bundled", None)
    assert sum(value.numel() for value in parts.module.parameters()) == record.parameters
    assert float(parts.module.logit_scale.detach().exp()) == pytest.approx(record.logit_scale, rel=2e-3)
    assert parts.config["preprocess_cfg"]["size"] in (IMAGE_SIZE, (IMAGE_SIZE, IMAGE_SIZE), [IMAGE_SIZE, IMAGE_SIZE])
    assert parts.tokenizer(["a dog", "a photo of a kitchen knife."]).shape == (2, CONTEXT_LENGTH)
