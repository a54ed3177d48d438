"""``sluice backtest --html``: a page from a real archive, with its pictures and what its reviews say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from pipeline.errors import UsageError
from tests.e2e.tiny_model import make_tiny_model
from tests.workers.policies.stream import Stream, keep_reviews, make_stream, review
from workers.cli import app


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    """With reviews of half of what was flagged and a twentieth of all else."""
    folder = tmp_path_factory.mktemp("stream")
    made = make_stream(folder, make_tiny_model(folder / "model"))
    keep_reviews(made, review(made, lambda score: 0.5 if score >= 0.15 else 0.05))
    (made.policies / "weapons.yaml").write_text(
        (made.policies / "weapons.yaml").read_text().replace("review: 0.15", "review: 0.4").replace("0.6", "0.99")
    )
    return made


def backtest(stream: Stream, *words: object) -> Any:
    arguments = ["backtest", str(stream.policies), *stream.options, *map(str, words)]
    return CliRunner().invoke(app, arguments, standalone_mode=False)


def test_the_page_has_charts_pictures_and_reviews(stream: Stream, tmp_path: Path) -> None:
    shown = backtest(stream, "--html", tmp_path / "page.html")
    assert shown.return_value == 0, shown.output
    text = (tmp_path / "page.html").read_text()
    assert "<svg" in text
    assert text.count("data:image/webp;base64,") > 5
    assert re.search(r"weapons</td><td>review 0\.4", text)
    assert "recall" in shown.stdout


def test_json_says_of_the_stream_what_reviews_tell(stream: Stream) -> None:
    told = json.loads(backtest(stream, "--json").stdout)
    assert list(told["reviews"]) == ["weapons"]
    for each in told["reviews"]["weapons"]["thresholds"]:
        flagged = {image for image, score in stream.scores.items() if score >= each["threshold"]}
        for name, of in (("precision", flagged), ("recall", stream.knives)):
            found = each[name]
            assert found["low"] <= len(flagged & stream.knives) / len(of) <= found["high"]
        assert each["flagged"]["images"] == len(flagged)


def test_pictures_are_looked_up_for_as_many_images_as_are_asked_for(stream: Stream) -> None:
    from pipeline.lab.backtest.record import parse_record
    from pipeline.lab.backtest.thumbnails import with_thumbnails

    part = backtest(stream, "--shard", "1/1")
    record = parse_record(part.stdout.encode())
    archive = Archive(FolderStore(stream.archive))
    pictured = with_thumbnails(record, archive, 1_000)
    images = [near for policy in pictured.policies for each in policy.thresholds for near in each.above]
    assert any(near.thumbnail for near in images)
    few = with_thumbnails(record, archive, 3)
    with_picture = {
        near.image_id
        for policy in few.policies
        for near in (*policy.new, *policy.let_go, *(n for t in policy.thresholds for n in (*t.above, *t.below)))
        if near.thumbnail
    }
    assert len(with_picture) <= 3


def test_a_page_that_cannot_be_written_is_found_first(stream: Stream, tmp_path: Path) -> None:
    shown = backtest(stream, "--html", tmp_path)
    assert isinstance(shown.exception, UsageError)
    assert "is a folder; name a file in it" in str(shown.exception)
