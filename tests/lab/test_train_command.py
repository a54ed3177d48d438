"""``sluice train`` and ``sluice card``, as a person runs them."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from typer.testing import CliRunner, Result

from pipeline.adapters.open_clip import load_encoder
from pipeline.errors import SluiceError, UsageError
from pipeline.lab.evaluation.card import CARD_FILE
from pipeline.lab.training.lanes import Lanes
from pipeline.lab.training.record import RECORD_FILE
from pipeline.lab.training.run import prepare
from pipeline.lab.training.trainee import CONFIG_FILE, WEIGHTS_FILE
from tests.images import HTML, encoded
from tests.lab.conftest import write_pairs
from tests.lab.training.test_training import SCENES
from workers.assembly.training import load_trainee
from workers.cli import app
from workers.lab import card as card_of_scenes

HERE = "--workers=0"
POLICY = "title: Tobacco\nprompts: [a cigarette]\nunless: [a dog]\nactions: {label: 0.5}\n"
RUN = (HERE, "--batch=16", "--learning-rate=1e-3")


def run(*words: object) -> Result:
    given = [str(word) for word in words]
    return CliRunner().invoke(app, [*given, "--log-level=error"], standalone_mode=False)


def trained(out: Path, *words: object) -> Result:
    result = run("train", out, *words)
    assert result.exception is None, result.exception
    return result


def refusal(out: Path, *words: object) -> str:
    error = run("train", out, *words).exception
    assert isinstance(error, SluiceError), error
    assert "\n" not in str(error)
    return str(error)


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / WEIGHTS_FILE)


def folder_of(model: str) -> Path:
    return Path(model.removeprefix("local-dir:"))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Forty pictures with captions, two of which cannot be read."""
    path = write_pairs(tmp_path / "photos", 40)
    noise = encoded(Image.effect_noise((64, 64), 90))
    (tmp_path / "photos" / "003.png").write_bytes(HTML)
    (tmp_path / "photos" / "017.png").write_bytes(noise[: len(noise) // 2])
    return path


@pytest.mark.parametrize(("kind", "tower"), [("convolutional", "image"), ("clip", "text"), ("siglip", "text")])
def test_a_frozen_tower_stays_as_it_was_and_the_other_learns(
    pairs: Path, tmp_path: Path, tiny_models: dict[str, str], kind: str, tower: str
) -> None:
    out = tmp_path / "model"
    trained(out, f"--data={pairs}", f"--init={tiny_models[kind]}", f"--freeze={tower}", "--samples=48", *RUN)
    before, after = weights(folder_of(tiny_models[kind])), weights(out)
    assert after.keys() == before.keys()
    images = {name for name in before if name.startswith("visual.")}
    texts = {name for name in before if not name.startswith(("visual.", "logit_"))}
    frozen, learning = (images, texts) if tower == "image" else (texts, images)
    for name in frozen:
        assert torch.equal(after[name], before[name]), name
    assert all(not torch.equal(after[name], before[name]) for name in learning if before[name].ndim > 1)


def test_a_run_on_pairs_ends_with_a_model_that_loads_and_a_card(
    pairs: Path, tmp_path: Path, tiny_models: dict[str, str]
) -> None:
    out = tmp_path / "model"
    result = trained(out, f"--data={pairs}", f"--init={tiny_models['clip']}", "--held-out=0.25", "--samples=96", *RUN)
    assert "The right caption of 10 came first for" in result.stdout
    assert f"SLUICE_MODEL=local-dir:{out}" in result.stdout
    assert "step 6/6" in result.stderr
    encoder = load_encoder(f"local-dir:{out}", device="cpu", threads=1)
    assert encoder.spec.image_size == (64, 64)
    card = (out / CARD_FILE).read_text(encoding="utf-8")
    assert "begun from local-dir:clip" in card
    assert "30 pairs of image and caption from captions.csv" in card
    assert str(tmp_path) not in card + (out / RECORD_FILE).read_text(encoding="utf-8")
    assert sorted(path.name for path in out.iterdir()) == sorted((CARD_FILE, RECORD_FILE, CONFIG_FILE, WEIGHTS_FILE))
    assert (tmp_path / "model.checkpoint.pt").is_file(), "beside the folder, which is shipped without it"


def test_pictures_that_cannot_be_read_are_named_and_counted(
    pairs: Path, tmp_path: Path, tiny_models: dict[str, str]
) -> None:
    out = tmp_path / "model"
    result = trained(out, f"--data={pairs}", f"--init={tiny_models['clip']}", "--held-out=0", "--samples=80", *RUN)
    named = [line for line in result.stderr.splitlines() if line.startswith("not read: ")]
    assert len(named) == 2
    assert any("003.png" in line for line in named)
    assert any("017.png" in line for line in named)
    assert "2 pictures could not be read" in result.stderr
    assert "2 pictures could not be read" in (out / CARD_FILE).read_text(encoding="utf-8")
    assert json.loads((out / RECORD_FILE).read_text(encoding="utf-8"))["unreadable"] == 2
    assert "Not tested" in result.stdout


@pytest.mark.parametrize("broken", [1, 2])
def test_held_out_pictures_that_cannot_be_read_do_not_spoil_the_run(
    tmp_path: Path, tiny_models: dict[str, str], broken: int
) -> None:
    """Two of forty are held out; the card then says what there is to say."""
    path, out = write_pairs(tmp_path / "photos", 40), tmp_path / "model"
    for pair in prepare(replace(SCENES, data=path), load_trainee).held_out[:broken]:
        pair.image.write_bytes(HTML)
    result = trained(out, f"--data={path}", f"--init={tiny_models['clip']}", "--samples=16", *RUN)
    card = (out / CARD_FILE).read_text(encoding="utf-8")
    assert ("1 more were kept that could not be read" in card) == (broken == 1)
    assert ("Not tested" in result.stdout) == (broken == 2)


def test_data_of_which_nothing_can_be_read_is_one_line(tmp_path: Path, tiny_models: dict[str, str]) -> None:
    path = write_pairs(tmp_path / "photos", 9)
    for picture in path.parent.glob("*.png"):
        picture.write_bytes(HTML)
    said = refusal(tmp_path / "model", f"--data={path}", f"--init={tiny_models['clip']}", *RUN)
    assert said.startswith("no batch of pictures could be read, so nothing was learned; ")
    assert ".png: cannot identify image file" in said
    assert not list((tmp_path / "model").iterdir())


def test_a_model_with_a_bias_keeps_it_and_is_not_scaled_like_a_softmax(
    pairs: Path, tmp_path: Path, tiny_models: dict[str, str]
) -> None:
    out = tmp_path / "model"
    trained(out, f"--data={pairs}", f"--init={tiny_models['siglip']}", "--samples=48", *RUN)
    spec = load_encoder(f"local-dir:{out}", device="cpu", threads=1).spec
    assert spec.logit_bias is not None
    assert spec.logit_bias != -10
    assert spec.resize_mode == "squash"
    assert json.loads((out / RECORD_FILE).read_text(encoding="utf-8"))["scale_was_fitted"] is False


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C within the third step."""
    forward, calls = Lanes.forward, []

    def interrupting(lanes: Lanes, *batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        calls.append(len(batch[0]))
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return forward(lanes, *batch)

    monkeypatch.setattr(Lanes, "forward", interrupting)


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.usefixtures("interrupted")
def test_an_interrupted_run_goes_on_to_the_very_same_weights(
    tmp_path: Path, tiny_models: dict[str, str], cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With batch norm, and in as many lanes as there are cores."""
    monkeypatch.setenv("SLUICE_CORES", str(cores))
    path = write_pairs(tmp_path / "photos", 70)
    words = (f"--data={path}", f"--init={tiny_models['convolutional']}", "--samples=256", "--batch=64", HERE)
    first = run("train", tmp_path / "broken", *words)
    assert first.return_value == 130
    assert "Interrupted at step 3: repeat the command with --resume to go on." in first.stderr
    assert not list((tmp_path / "broken").iterdir())
    assert not list(tmp_path.rglob("*.tmp"))

    trained(tmp_path / "broken", *words, "--resume")
    trained(tmp_path / "whole", *words)
    assert (tmp_path / "broken" / WEIGHTS_FILE).read_bytes() == (tmp_path / "whole" / WEIGHTS_FILE).read_bytes()
    record = json.loads((tmp_path / "whole" / RECORD_FILE).read_text(encoding="utf-8"))
    assert record["plan"]["lanes"] == cores


@pytest.mark.usefixtures("interrupted")
def test_a_checkpoint_of_something_else_is_one_line(pairs: Path, tmp_path: Path, tiny_models: dict[str, str]) -> None:
    state = f"--checkpoint={tmp_path / 'state.pt'}"
    clip = ("--samples=96", f"--data={pairs}", f"--init={tiny_models['clip']}", *RUN, state)
    assert run("train", tmp_path / "model", *clip).return_value == 130
    other = (*clip[:2], f"--init={tiny_models['convolutional']}", *clip[3:])
    assert "another architecture" in refusal(tmp_path / "model", *other, "--resume")
    for option, named in (("--seed=1", "seed 0"), ("--freeze=image", "no --freeze"), ("--batch=8", "batch 16")):
        said = refusal(tmp_path / "model", *clip, option, "--resume")
        assert "another run" in said
        assert named in said
    pairs.write_text(pairs.read_text(encoding="utf-8").replace("card", "sheet"), encoding="utf-8")
    assert "--data or --hand captions.csv with 38 pairs" in refusal(tmp_path / "model", *clip, "--resume")


@pytest.mark.usefixtures("interrupted")
def test_an_interrupted_run_is_not_begun_anew_by_chance_nor_taken_up_by_another_model(
    tmp_path: Path, tiny_models: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it need a machine of as many cores."""
    path, init, out = write_pairs(tmp_path / "photos", 70), tiny_models["convolutional"], tmp_path / "model"
    words = (f"--data={path}", "--samples=256", "--batch=64", HERE)
    monkeypatch.setenv("SLUICE_CORES", "2")
    assert run("train", out, f"--init={init}", *words).return_value == 130
    state = (tmp_path / "model.checkpoint.pt").read_bytes()
    assert "interrupted at step 3 of 4: go on with --resume" in refusal(out, f"--init={init}", *words)
    shutil.copytree(folder_of(init), tmp_path / "other")
    others = {name: value + 1 for name, value in weights(folder_of(init)).items()}
    save_file(others, tmp_path / "other" / WEIGHTS_FILE)
    said = refusal(out, f"--init=local-dir:{tmp_path / 'other'}", *words, "--resume")
    assert f"is of another run (--init local-dir:{folder_of(init).name}, " in said
    assert (tmp_path / "model.checkpoint.pt").read_bytes() == state
    monkeypatch.setenv("SLUICE_CORES", "1")
    trained(out, f"--init={init}", *words, "--resume")
    assert json.loads((out / RECORD_FILE).read_text(encoding="utf-8"))["plan"]["lanes"] == 2


def test_a_checkpoint_that_cannot_be_written_is_found_before_training(
    pairs: Path, tmp_path: Path, tiny_models: dict[str, str]
) -> None:
    words = (f"--data={pairs}", f"--init={tiny_models['clip']}", "--samples=16", *RUN)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    for state, said in ((tmp_path / "file" / "run.pt", "cannot write into"), (tmp_path / "photos", "is a folder")):
        assert said in refusal(tmp_path / "model", *words, f"--checkpoint={state}")
    assert not list((tmp_path / "model").iterdir())


def test_resuming_nothing_is_one_line_that_says_what_to_do(
    pairs: Path, tmp_path: Path, tiny_models: dict[str, str]
) -> None:
    words = (f"--data={pairs}", f"--init={tiny_models['clip']}", "--resume")
    assert "leave --resume away" in refusal(tmp_path / "model", *words)


@pytest.mark.usefixtures("drawn")
def test_a_run_on_scenes_is_measured_and_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against one policy, with a short background, and spots of one size."""
    policies, out = tmp_path / "policies", tmp_path / "model"
    policies.mkdir()
    (policies / "tobacco.yaml").write_text(POLICY, encoding="utf-8")
    monkeypatch.setenv("SLUICE_POLICIES", str(policies))
    monkeypatch.setattr(card_of_scenes, "SPOT_SIZES", card_of_scenes.SPOT_SIZES[:1])
    result = trained(out, "--samples=32", "--batch=16", "--test-scenes=8", HERE)
    assert "Zero-shot among 1,354 names: " in result.stdout
    card = (out / CARD_FILE).read_text(encoding="utf-8")
    assert "32 samples of rendered emoji scenes" in card
    assert "sluice train OUT --samples 32 --batch 16 --seed 0" in card
    assert "fitted afterwards" in card
    assert "| tobacco | label 0.5 |" in card
    record = json.loads((out / RECORD_FILE).read_text(encoding="utf-8"))
    encoder = load_encoder(f"local-dir:{out}", device="cpu", threads=1)
    assert encoder.spec.logit_scale == pytest.approx(record["logit_scale"], rel=2e-3), "stored as float16"

    (out / CARD_FILE).unlink()
    again = run("card", out, "--scenes=8")
    assert again.exception is None
    assert (out / CARD_FILE).read_text(encoding="utf-8") == card


def test_a_card_of_scenes_is_not_written_for_a_model_of_pairs(
    pairs: Path, tmp_path: Path, tiny_models: dict[str, str]
) -> None:
    out = tmp_path / "model"
    trained(out, f"--data={pairs}", f"--init={tiny_models['clip']}", "--samples=16", *RUN)
    card = (out / CARD_FILE).read_bytes()
    error = run("card", out).exception
    assert isinstance(error, UsageError)
    assert "sluice evaluate" in str(error)
    assert (out / CARD_FILE).read_bytes() == card


def bad_inputs(pairs: Path, init: str) -> Sequence[tuple[str, tuple[object, ...]]]:
    folder = pairs.parent
    (folder / "no-caption.csv").write_text("image,text\n000.png,a card\n", encoding="utf-8")
    (folder / "few.csv").write_text("image,caption\n000.png,a card\n", encoding="utf-8")
    data = f"--data={pairs}"
    return (
        ("fonts-noto-color-emoji", ("--font=nothing.ttf",)),
        ("--device toaster cannot be used here", (data, "--device=toaster")),
        ("no column 'caption' among image, text", (f"--data={folder / 'no-caption.csv'}",)),
        ("no such file or folder", (f"--data={folder / 'nowhere'}",)),
        ("1 pairs to train on are too few", (f"--data={folder / 'few.csv'}", "--held-out=0")),
        ("--device meta cannot be used here", (data, "--device=meta")),
        ("--learning-rate inf is no rate", (data, "--learning-rate=inf")),
        ("need --init", (data, "--freeze=image")),
        ("leave nothing to learn", (data, f"--init={init}", "--freeze=image", "--freeze=text")),
        ("brings its own weights", (data, f"--init={init}", "--pretrained=openai")),
    )


def test_what_is_wrong_is_one_line_before_anything_is_trained(
    pairs: Path, tmp_path: Path, tiny_models: dict[str, str]
) -> None:
    for said, words in bad_inputs(pairs, tiny_models["clip"]):
        assert said in refusal(tmp_path / "model", *words)
    assert not list((tmp_path / "model").iterdir())


def test_a_folder_that_cannot_be_written_is_one_line(pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    for out in (tmp_path / "file", tmp_path / "file" / "model"):
        assert refusal(out, f"--data={pairs}").startswith(f"cannot write into {out}: ")


def test_the_folder_that_one_stands_in_may_be_the_models(
    pairs: Path, tmp_path: Path, tiny_models: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model"
    out.mkdir()
    monkeypatch.chdir(out)
    trained(Path(), f"--data={pairs}", f"--init={tiny_models['clip']}", "--samples=16", *RUN)
    assert (tmp_path / "model.checkpoint.pt").is_file()
