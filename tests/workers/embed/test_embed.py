"""``sluice embed``: features as the pipeline has them, in files that others read."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from pipeline.archive.schema import schema
from pipeline.errors import UsageError
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.data.extract import extract
from pipeline.rules.archive.remembered import HALF
from pipeline.rules.policies.templates import fill
from tests.e2e.pictures import picture
from workers import assembly
from workers.assembly import Model
from workers.commands.embed import Format, embed
from workers.settings import Settings

SAMPLES = Settings().policies / "samples"
CATS = SAMPLES / "cats-then-a-knife.gif"

Embed = Callable[..., int]


@pytest.fixture(scope="module")
def model() -> Model:
    torch.set_num_threads(1)
    return assembly.load_model(Settings(decode_in="threads", cores=1, dtype="float32", device="cpu"))


@pytest.fixture
def run(model: Model, monkeypatch: pytest.MonkeyPatch) -> Embed:
    """Run the command in this process, by the model that is there: `run(paths=[...], out=...)`."""
    monkeypatch.setattr(assembly, "load_model", lambda *_args, **_how: model)
    every = {name: each.default for name, each in inspect.signature(embed).parameters.items()}
    return lambda **how: embed(**{**every, "cores": "1", **how})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, one of them animated, and something that is no picture."""
    made = tmp_path / "pictures"
    made.mkdir()
    for number in (1, 2):
        (made / f"{number}.png").write_bytes(picture(number))
    (made / "cats.gif").write_bytes(CATS.read_bytes())
    (made / "notes.txt").write_text("no picture")
    return made


def expected(model: Model, file: Path) -> np.ndarray:
    """The features of a picture, by the stages that moderate."""
    found = extract(Dataset("one", [Example("one", file.read_bytes)], ()), model.decoder, model.encoder, threads=1)
    return found.signals[0].features


def halves(rows: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(rows), HALF).reshape(len(rows), -1)


def test_parquet_has_the_archives_columns_and_the_features_that_are_judged(
    run: Embed, model: Model, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "features.parquet"
    assert run(paths=[str(folder)], out=out) == 0
    table = pq.read_table(out)
    kept = schema(model.encoder.spec.features)
    for name in set(table.schema.names) - {"text", "model", "preprocess"}:
        assert table.schema.field(name).type == kept.field(name).type
    rows = table.to_pylist()
    assert {row["image_id"] for row in rows} == {str(folder / name) for name in ("1.png", "2.png", "cats.gif")}
    assert {(row["model"], row["preprocess"]) for row in rows} == {
        (model.encoder.spec.fingerprint, model.decoder.name)
    }
    for file in (folder / "1.png", folder / "cats.gif"):
        mine = [row for row in rows if row["image_id"] == str(file)]
        assert [row["view"] for row in mine] == list(range(mine[0]["views"]))
        features = halves([row["features"] for row in mine])
        assert np.allclose(features.astype(np.float32), expected(model, file), atol=2e-3)
        assert np.linalg.norm(features.astype(np.float32), axis=1) == pytest.approx(1, abs=1e-3)


def test_duckdb_reads_it_beside_segments(run: Embed, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.parquet"
    run(paths=[str(folder)], text=["a knife"], out=out)
    asked = f"select count(*), count(text), max(octet_length(features)) from '{out}'"
    rows, texts, size = duckdb.sql(asked).fetchall()[0]
    assert (texts, size) == (1, 512)
    assert rows > 4


def test_npz_and_json_lines_say_the_same_as_parquet(run: Embed, folder: Path, tmp_path: Path) -> None:
    outs = [tmp_path / f"features.{suffix}" for suffix in ("parquet", "npz", "jsonl")]
    for out in outs:
        assert run(paths=[str(folder)], text=["a knife"], out=out) == 0
    table = pq.read_table(outs[0]).to_pylist()
    lines: list[dict[str, Any]] = [json.loads(line) for line in outs[2].read_text().splitlines()]
    with np.load(outs[1]) as arrays:
        assert arrays["features"].dtype == np.float32
        assert arrays["features"] == pytest.approx(halves([row["features"] for row in table]).astype(np.float32))
        assert arrays["image_id"].tolist() == [row["image_id"] or "" for row in table]
        assert arrays["text"].tolist() == [row["text"] or "" for row in table]
        assert arrays["frame"].tolist() == [row["frame"] or 0 for row in table]
        assert arrays["box"].shape == (len(table), 4)
        assert str(arrays["model"]) == table[0]["model"]
    numbers = np.array([line.pop("features") for line in lines])
    assert numbers == pytest.approx(halves([row["features"] for row in table]).astype(float), abs=1e-7)
    without = [
        {name: value for name, value in row.items() if name != "features" and value is not None} for row in table
    ]
    assert lines == without


def test_sentences_go_through_the_templates_of_the_policies_or_as_they_stand(
    run: Embed, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(text=["a knife", "a dog"]) == 0
    templated = [json.loads(line)["features"] for line in capsys.readouterr().out.splitlines()]
    encoded = model.encoder.encode_texts(fill("a knife", ("a photo of {}.", "a picture of {}.", "{}")))
    mean = encoded.mean(axis=0)
    assert templated[0] == pytest.approx((mean / np.linalg.norm(mean)).tolist(), abs=1e-3)
    assert run(text=["a knife"], raw=True, out=tmp_path / "raw.jsonl") == 0
    raw = json.loads((tmp_path / "raw.jsonl").read_text())
    assert raw["text"] == "a knife"
    assert raw["features"] == pytest.approx(model.encoder.encode_texts(["a knife"])[0].tolist(), abs=1e-3)


def test_a_sentence_that_comes_twice_has_two_rows(run: Embed, tmp_path: Path) -> None:
    asked = ["a knife", "a dog", "a knife"]
    run(text=asked, out=tmp_path / "features.parquet")
    rows = pq.read_table(tmp_path / "features.parquet").to_pylist()
    assert [row["text"] for row in rows] == asked
    assert rows[0]["features"] == rows[2]["features"] != rows[1]["features"]


def test_a_pipe_is_written_into_and_stays_one(run: Embed, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    run(text=["a knife"], out=pipe, form=Format.JSONL)
    assert json.loads(os.read(reader, 1 << 16))["text"] == "a knife"
    os.close(reader)
    assert pipe.is_fifo()
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


def test_a_bad_picture_is_named_and_the_others_are_there(
    run: Embed, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "torn.png").write_bytes(picture(3)[:100])
    out = tmp_path / "features.parquet"
    assert run(paths=[str(folder)], out=out) == 2
    assert "torn.png" in capsys.readouterr().err
    assert pq.read_table(out)["image_id"].unique().to_pylist() == [
        str(folder / name) for name in ("1.png", "2.png", "cats.gif")
    ]


def test_a_file_is_there_when_it_is_whole(run: Embed, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.parquet"
    out.write_text("what was there before")
    with pytest.raises(UsageError, match="tokens"):
        run(paths=[str(folder)], text=["very " * 400], out=out)
    assert out.read_text() == "what was there before"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["features.parquet", "pictures"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({}, "embed what"),
        ({"text": ["a"], "out": Path("features.csv")}, "end its name in .parquet"),
        ({"text": ["a"], "form": Format.NPZ}, "needs --out"),
        ({"paths": ["no-such-folder"]}, "no such file or folder"),
    ],
)
def test_what_cannot_be_done_is_said(run: Embed, how: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run(**how)


def test_a_folder_without_pictures_is_told(run: Embed, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(UsageError, match="no pictures in the folder"):
        run(paths=[str(tmp_path)])
