"""Training learns, goes on after an interrupt exactly as it would have gone, and never leaves half a file."""

from __future__ import annotations

import math
import os
import resource
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from open_clip.loss import SigLipLoss
from torch import Tensor
from torch.nn.functional import normalize
from torch.utils.data import Dataset

from pipeline.adapters.open_clip import load_encoder, load_parts
from pipeline.errors import ServiceError, UsageError
from pipeline.lab.training.batches import SceneBatches, TrainingBatch
from pipeline.lab.training.checkpoint import ResumeError, refuse_to_lose
from pipeline.lab.training.model import fresh
from pipeline.lab.training.plan import Plan, Progress, Times, learning_rate
from pipeline.lab.training.text import encode_text
from pipeline.lab.training.trainee import CONFIG_FILE, WEIGHTS_FILE, Trainee
from pipeline.lab.training.trainer import Trainer

TINY = Plan(samples=96, batch=16, peak=1e-3)
SIZE = 32

pytestmark = pytest.mark.usefixtures("drawn")


def on_scenes(plan: Plan = TINY, tokenizer: Callable[[Sequence[str]], Tensor] | None = None) -> Trainer:
    """The bundled model's architecture, which has batch norm, on small scenes."""
    trainee = fresh(plan.seed)
    trainee = replace(trainee, tokenizer=tokenizer or trainee.tokenizer)
    return Trainer(plan, trainee, SceneBatches(plan, SIZE, trainee.normalise))


def quiet(_: Progress) -> None:
    pass


def averaged(trainer: Trainer) -> Any:
    """The moving average as a model of its own."""
    model = fresh(0).model
    model.load_state_dict(trainer.average.module.state_dict())
    return model.eval()


def test_a_few_steps_on_one_batch_lower_its_loss() -> None:
    trainer = on_scenes(replace(TINY, peak=5e-4))
    batch = trainer.batches[0]
    losses = [trainer.advance(batch) for _ in range(6)]
    assert losses[-1] < losses[0] - 0.2


@pytest.mark.parametrize(
    "how", [{"lanes": 1}, {"lanes": 2}, {"lanes": 2, "optimiser": "muon", "shown": 2, "mix_style": 0.5}]
)
def test_a_run_that_was_interrupted_within_a_step_goes_on_as_the_same_run(
    tmp_path: Path, how: dict[str, Any]
) -> None:
    """Ctrl-C waits for the step's end: a half-done one would count twice in batch norm's statistics."""
    plan = replace(TINY, **how)
    whole = on_scenes(plan)
    whole.run(tmp_path / "whole", tmp_path / "whole.pt", quiet)

    tokenizer, calls = fresh(0).tokenizer, []

    def interrupting(texts: Sequence[str]) -> Tensor:
        calls.append(len(texts))
        if len(calls) == 3:  # one a step: within the third
            signal.raise_signal(signal.SIGINT)
        return tokenizer(texts)

    broken = on_scenes(plan, interrupting)
    with pytest.raises(KeyboardInterrupt):
        broken.run(tmp_path / "broken", tmp_path / "broken.pt", quiet, Times(checkpoint=0.0, export=0.0))
    broken.save(tmp_path / "broken.pt")
    assert not list(tmp_path.rglob("*.tmp"))

    resumed = on_scenes(plan)
    resumed.resume(tmp_path / "broken.pt")
    assert resumed.step == 3
    resumed.run(tmp_path / "broken", tmp_path / "broken.pt", quiet)
    ours, theirs = (tmp_path / name / WEIGHTS_FILE for name in ("broken", "whole"))
    assert ours.read_bytes() == theirs.read_bytes()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value), name


def test_a_checkpoint_remembers_what_could_not_be_read_and_how_long_it_took(tmp_path: Path) -> None:
    trainer = on_scenes()
    trainer.unreadable, trainer.seconds = {"a.png: torn": None}, 90.0
    trainer.save(tmp_path / "run.pt")
    resumed = on_scenes()
    resumed.resume(tmp_path / "run.pt")
    assert (list(resumed.unreadable), resumed.seconds) == (["a.png: torn"], 90.0)


def test_an_exported_folder_gives_the_averages_features(tmp_path: Path) -> None:
    trainer = on_scenes()
    for step in range(3):
        trainer.advance(trainer.batches[step])
    trainer.export(tmp_path)
    encoder = load_encoder(f"local-dir:{tmp_path}", device="cpu", dtype="float32", threads=1)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 80, 80, 3), np.uint8)
    model, trainee = averaged(trainer), trainer.trainee
    with torch.no_grad():
        images = model.encode_image(trainee.normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255))
        texts = model.encode_text(trainee.tokenizer(["a photo of a dog", "a knife"]))
    found = encoder.encode_images(pixels), encoder.encode_texts(["a photo of a dog", "a knife"])
    for ours, theirs in zip((images, texts), found, strict=True):
        cosines = (normalize(ours, dim=-1).numpy() * theirs).sum(1)
        assert cosines.min() > 0.999, "weights are stored as float16"
    assert encoder.spec.logit_scale == pytest.approx(float(model.logit_scale.detach().exp()), rel=1e-3)


def test_another_logit_scale_is_exported_with_the_average(tmp_path: Path) -> None:
    trainer = on_scenes()
    trainer.set_logit_scale(25.0)
    trainer.export(tmp_path)
    spec = load_encoder(f"local-dir:{tmp_path}", device="cpu", threads=1).spec
    assert spec.logit_scale == pytest.approx(25.0, rel=1e-2)


@pytest.mark.parametrize("projects", [True, False])
def test_cropped_text_encoding_is_open_clips_own(projects: bool) -> None:
    trainee = fresh(0)
    model: Any = trainee.model.eval()
    if not projects:
        model.text_projection = None
    tokens = trainee.tokenizer(["dog", "a photo of a cat.", "a much longer sentence about nothing in particular"])
    with torch.no_grad():
        assert torch.allclose(encode_text(model, tokens), model.encode_text(tokens), atol=1e-5)


def test_a_model_with_a_bias_learns_by_siglips_own_loss(tiny_models: dict[str, str]) -> None:
    parts = load_parts(tiny_models["siglip"], None)
    trainee = Trainee(parts.module, parts.tokenizer, parts.config)
    plan = TINY
    trainer = Trainer(plan, trainee, SceneBatches(plan, trainee.size, trainee.normalise))
    batch = trainer.batches[0]
    model: Any = trainer.model
    with torch.no_grad():
        image = normalize(model.encode_image(batch.pixels), dim=-1)
        text = normalize(model.encode_text(trainee.tokenizer(batch.texts)), dim=-1)
        expected = SigLipLoss()(image, text, model.logit_scale.exp(), model.logit_bias)
    bias = float(model.logit_bias.detach())
    assert trainer.advance(batch) == pytest.approx(float(expected), rel=0.02), "bfloat16 where the CPU has it"
    assert float(model.logit_bias.detach()) != bias


class Unreadable(Dataset[TrainingBatch]):
    """Not one picture can be read."""

    def __getitem__(self, step: int) -> TrainingBatch:
        none = torch.zeros((0, 1), dtype=torch.int64)
        return TrainingBatch(torch.zeros(0), [], none, none, (f"{step}.png: torn",))


def test_a_run_without_one_readable_batch_is_an_error_that_names_a_picture(tmp_path: Path) -> None:
    trainee = fresh(0)
    trainer = Trainer(TINY, trainee, Unreadable())
    with pytest.raises(UsageError, match=r"nothing was learned; 0\.png: torn"):
        trainer.run(tmp_path / "model", tmp_path / "run.pt", quiet)
    assert not list(tmp_path.iterdir())


def test_no_checkpoint_to_resume_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(ResumeError, match="no checkpoint"):
        on_scenes().resume(tmp_path / "none.pt")


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.pt"
    path.write_bytes(b"Dear sir")
    with pytest.raises(ResumeError, match="not a checkpoint"):
        on_scenes().resume(path)
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(ResumeError, match="not a checkpoint"):
        on_scenes().resume(path)
    torch.save([1, 2], path)
    with pytest.raises(ResumeError, match="not a checkpoint"):
        on_scenes().resume(path)
    path.write_bytes(b"hello")
    with pytest.raises(ResumeError, match="not a checkpoint"):
        on_scenes().resume(path)


class Command:
    """What a hostile file asks for when it is loaded."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("exit 0",)


def test_a_checkpoint_that_asks_to_run_code_is_refused_in_one_line(tmp_path: Path) -> None:
    torch.save({"run": Command()}, tmp_path / "run.pt")
    with pytest.raises(ResumeError, match="may ask to run code, and is not loaded") as error:
        on_scenes().resume(tmp_path / "run.pt")
    assert "\n" not in str(error.value)
    assert "weights_only" not in str(error.value)


@pytest.mark.parametrize("part", ["average", "run", "model", "optimisers"])
def test_a_checkpoint_that_lacks_a_part_or_does_not_fit_is_one_line(tmp_path: Path, part: str) -> None:
    whole = on_scenes().state()
    for saved in ({**whole, part: {}}, {**whole, part: 7}, {key: whole[key] for key in whole if key != part}):
        torch.save(saved, tmp_path / "run.pt")
        if part == "run" and saved.get(part) == {}:
            continue  # a run of defaults
        with pytest.raises(ResumeError, match=r"not a checkpoint|does not fit") as error:
            on_scenes().resume(tmp_path / "run.pt")
        assert "\n" not in str(error.value)


def test_a_new_run_does_not_write_over_one_that_was_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    refuse_to_lose(path)
    trainer = on_scenes()
    for step, kept in ((0, False), (2, True), (TINY.steps, False)):
        trainer.step = step
        trainer.save(path)
        if kept:
            with pytest.raises(UsageError, match=r"interrupted at step 2 of 6: go on with --resume, or remove it"):
                refuse_to_lose(path)
        else:
            refuse_to_lose(path)
    path.write_bytes(b"a letter")
    with pytest.raises(UsageError, match="no checkpoint that can be read"):
        refuse_to_lose(path)


@pytest.mark.parametrize(("peak", "times"), [(1e30, Times()), (math.inf, Times(checkpoint=0, export=0))])
def test_a_run_that_diverges_ends_and_leaves_the_last_good_files(tmp_path: Path, peak: float, times: Times) -> None:
    folder, state = tmp_path / "model", tmp_path / "run.pt"
    good = on_scenes()
    good.export(folder)
    good.save(state)
    good.close()
    before = [sha256(path.read_bytes()).hexdigest() for path in (folder / WEIGHTS_FILE, state)]
    trainer = on_scenes(replace(TINY, peak=peak, warmup=0))
    with pytest.raises(UsageError, match="begin anew with a lower --learning-rate"):
        trainer.run(folder, state, quiet, times)
    with pytest.raises(UsageError, match="no longer numbers"):
        trainer.save(state)
    trainer.close()
    assert [sha256(path.read_bytes()).hexdigest() for path in (folder / WEIGHTS_FILE, state)] == before


def test_a_full_disk_is_one_line_and_leaves_what_was_there(tmp_path: Path) -> None:
    trainer, state = on_scenes(), tmp_path / "run.pt"
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limit[1]))
    try:
        for write in (lambda: trainer.save(state), lambda: trainer.export(tmp_path)):
            with pytest.raises(ServiceError, match=f"cannot write {tmp_path}.*make room") as error:
                write()
            assert "\n" not in str(error.value)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
        trainer.close()
    assert {path.name for path in tmp_path.iterdir()} == {CONFIG_FILE, "bpe_merges.txt.gz"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": 1}, "--seed 0"),
        ({"samples": 960}, "--samples 96"),
        ({"frozen": ("image",)}, "no --freeze"),
        ({"data": "other.csv"}, "no --data or --hand"),
        ({"began_from": "bundled, 01234567"}, "no --init"),
        ({"font": "01234567"}, "no --font"),
        ({"lanes": 2}, "--device cpu, on 1 cores"),
        ({"peak": 2e-3}, "--learning-rate 0.001"),
        ({"sizes": ((1.0, 32),)}, "by another version of Sluice"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    on_scenes().save(tmp_path / "run.pt")
    with pytest.raises(ResumeError, match=f"another run.*{said}") as error:
        on_scenes(replace(TINY, **changed)).resume(tmp_path / "run.pt")
    assert "\n" not in str(error.value)


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth() -> None:
    plan = Plan(samples=25_600, batch=256, warmup=10)
    rates = [learning_rate(plan, step) for step in range(plan.steps)]
    assert rates[0] == pytest.approx(plan.peak / 10)
    assert max(rates) == rates[9] == pytest.approx(plan.peak)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] < plan.peak * 0.012


@pytest.mark.parametrize("steps", [1, 9, 40])
def test_a_run_shorter_than_its_warm_up_still_reaches_its_learning_rate(steps: int) -> None:
    plan = Plan(samples=steps, batch=1, warmup=200)
    assert max(learning_rate(plan, step) for step in range(steps)) == pytest.approx(plan.peak)


def test_the_plans_last_batch_is_whole() -> None:
    assert Plan(samples=257, batch=256).steps == 2


def test_pictures_grow_as_the_run_goes_on() -> None:
    plan = Plan(samples=100, batch=1, sizes=((0.3, 48), (0.85, 64)))
    assert [plan.size(step, 80) for step in (0, 29, 30, 84, 85, 99)] == [48, 48, 64, 64, 80, 80]
