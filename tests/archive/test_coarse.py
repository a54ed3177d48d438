"""Coarse features never rule out what the features themselves would not, and rule out nearly all else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import FEATURES, Archive
from pipeline.archive.coarse import COARSE, Coarse, turned, with_coarse
from pipeline.archive.rows import Kept, table_of
from pipeline.archive.screen.plan import Plan
from pipeline.archive.screen.upper import Asked, Upper
from pipeline.rules.archive.denied import Kind, erased
from pipeline.rules.archive.remembered import HALF
from pipeline.wire import rfc3339
from tests.archive.made import NOON, as_before, keep, records
from tests.archive.search.queries import compiled, unit

DIMENSIONS = st.sampled_from([1, 3, 8, 96, 512, 640, 768])


def _features(rng: np.random.Generator, count: int, dimension: int, outlier: float = 0.0) -> np.ndarray:
    """Rows of length 1 in float16, of which one number is that much greater than the others."""
    drawn = rng.normal(size=(count, dimension))
    drawn[:, dimension // 2] += outlier * np.sqrt(dimension)
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(HALF)


@given(st.integers(0, 10_000), DIMENSIONS, st.sampled_from([0.0, 0.5, 10.0]))
def test_no_product_with_a_text_is_off_by_more_than_is_said(seed: int, dimension: int, outlier: float) -> None:
    rng = np.random.default_rng(seed)
    features, texts = _features(rng, 20, dimension, outlier), unit(rng, 5, dimension).astype(np.float64)
    coarse = Coarse.of(features)
    [codes] = coarse.codes
    kept = codes.astype(np.float64) * coarse.steps.astype(np.float64)[:, np.newaxis]
    apart = np.abs(features.astype(np.float64) @ texts.T - kept @ turned(texts).T)
    assert (apart <= coarse.errors[:, np.newaxis]).all()


def test_a_number_that_stands_out_in_all_images_makes_them_hardly_less_exact() -> None:
    rng = np.random.default_rng(0)
    plain, uneven = (Coarse.of(_features(rng, 500, 512, outlier)).errors.mean() for outlier in (0.0, 0.5))
    assert plain < 0.009
    assert uneven < 1.5 * plain


@given(DIMENSIONS)
def test_turning_changes_neither_lengths_nor_angles(dimension: int) -> None:
    rows = turned(np.eye(dimension))
    np.testing.assert_allclose(rows @ rows.T, np.eye(dimension), atol=1e-12)


def test_rows_are_turned_as_they_were_by_the_first_release_that_did() -> None:
    found = turned(np.arange(1, 9, dtype=np.float64)[np.newaxis])
    expected = np.array([[6, -34, 2, 10, 2, 18, 2, 2]]) / np.sqrt(8)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert turned(np.eye(512)).sum() == pytest.approx(-16 * 2**0.5)  # the sum of the signs of each first of 128


def test_what_is_nothing_or_not_finite_rules_nothing_out() -> None:
    rows = np.zeros((3, 8), HALF)
    rows[1, 3], rows[2, 0] = np.nan, np.inf
    coarse = Coarse.of(rows)
    assert coarse.errors[0] < 1e-4
    assert np.isinf(coarse.errors[1:]).all()
    assert not np.concatenate(coarse.codes).any()


@pytest.mark.parametrize("bias", [None, -8.0], ids=["softmax", "sigmoid"])
@pytest.mark.parametrize("scale", [20.0, 100.0])
@pytest.mark.parametrize("dimension", [16, 512])
def test_no_score_is_above_what_a_rough_look_says(scale: float, bias: float | None, dimension: int) -> None:
    rng = np.random.default_rng(3)
    policies = compiled(rng, scale=scale, bias=bias, dimension=dimension)
    head = policies.prompts
    toward = head.texts[rng.integers(len(head.texts), size=2000)]
    near = toward * rng.uniform(0, 1, size=(2000, 1)) + 0.6 * unit(rng, 2000, dimension)
    rows = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(HALF)
    scores = head.score(rows.astype(np.float32)).scores[:, 0]
    lines = head.texts[head.background > 0].astype(np.float64)
    lse = np.log(np.exp(rows.astype(np.float64) @ lines.T * scale).sum(axis=1)).astype(np.float32)
    stored = [lse if bias is None else None]
    upper = Upper(Asked([Plan.of(policies)], [bias is None], scale, bias, torch.device("cpu")))
    high = upper.rough(Coarse.of(rows), upper.weight(stored))
    assert high is not None
    assert (high[:, 0].numpy().astype(np.float64) + 1e-20 >= scores).all()  # float32 has none that are smaller
    assert scores.max() > 0.3


def test_nearly_all_rows_of_other_things_are_ruled_out() -> None:
    rng = np.random.default_rng(4)
    policies = compiled(rng, background=1000, scale=100.0, dimension=512)
    rows = _features(rng, 5000, 512)
    lines = policies.prompts.texts[policies.prompts.background > 0]
    lse = np.log(np.exp(rows.astype(np.float32) @ lines.T * 100).sum(axis=1)).astype(np.float32)
    upper = Upper(Asked([Plan.of(policies)], [True], 100.0, None, torch.device("cpu")))
    high = upper.rough(Coarse.of(rows), upper.weight([lse]))
    assert high is not None
    assert (high >= 0.5).float().mean() < 0.01


def test_without_the_backgrounds_sum_nothing_is_ruled_out() -> None:
    policies = compiled(np.random.default_rng(1))
    upper = Upper(Asked([Plan.of(policies)], [False], 20.0, None, torch.device("cpu")))
    assert upper.rough(Coarse.of(_features(np.random.default_rng(2), 4, 16)), None) is None


class TestAnArchiveInAFolder:
    def test_has_them_where_they_were_asked_for(self, tmp_path: Path) -> None:
        keep(FolderStore(tmp_path), records(50))
        archive = Archive(FolderStore(tmp_path))
        (block,) = archive.blocks(archive.segments(), [*FEATURES, *COARSE], mapped=4)
        assert block.coarse is not None
        wanted = Coarse.of(block.features)
        assert np.array_equal(np.concatenate(block.coarse.codes), np.concatenate(wanted.codes))
        assert np.array_equal(block.coarse.steps, wanted.steps)
        assert np.array_equal(block.coarse.errors, wanted.errors)
        (plain,) = archive.blocks(archive.segments(), FEATURES, mapped=4)
        assert plain.coarse is None

    def test_has_none_where_rows_are_hidden(self, tmp_path: Path) -> None:
        keep(FolderStore(tmp_path), records(50))
        archive = Archive(FolderStore(tmp_path))
        archive.deny_list.add([erased(Kind.IMAGE, "image-7")], rfc3339(NOON))
        (block,) = archive.blocks(archive.segments(), [*FEATURES, *COARSE], mapped=4)
        assert block.coarse is None
        assert block.events == 49

    def test_has_none_of_an_earlier_release(self, tmp_path: Path) -> None:
        name = keep(FolderStore(tmp_path), records(50))
        as_before(tmp_path / name.path)
        archive = Archive(FolderStore(tmp_path))
        (block,) = archive.blocks(archive.segments(), [*FEATURES, *COARSE], mapped=4)
        assert block.coarse is None
        assert block.events == 50


def test_rows_of_an_earlier_release_get_them() -> None:
    with_them = table_of([Kept(at, record) for at, record in enumerate(records(12))])
    without = with_them.drop_columns(list(COARSE))
    assert with_coarse(without).schema.equals(with_them.schema)
    assert with_coarse(without).select(COARSE).equals(with_them.select(COARSE))
    assert with_coarse(with_them) is with_them
    merged = pa.concat_tables([without, with_them], promote_options="default")  # by a release that knows none
    assert with_coarse(merged).select(COARSE).column("coarse_error").null_count == 0
    assert with_coarse(merged).schema.equals(with_them.schema)
    assert with_coarse(without.slice(0, 0)).schema.equals(with_them.schema)
