"""Training learns, goes on after an interrupt exactly as it would have gone, and never leaves half a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer

from pipeline.lab import model as models
from pipeline.lab.bpe import MERGES, MERGES_FILE
from pipeline.lab.plan import Plan, Progress, Times, learning_rate
from pipeline.lab.train import ResumeError, Trainer, encode_text

BUNDLED_MERGES = Path(__file__).parents[2] / "pipeline" / "bundled_model" / MERGES_FILE
TINY = Plan(scenes=96, batch=16, peak=1e-3, warmup=2)

pytestmark = pytest.mark.usefixtures("one_thread", "drawn")


def quiet(_: Progress) -> None:
    pass


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([value.flatten() for value in trainer.model.parameters()]).detach()


def test_a_few_steps_on_one_batch_lower_its_loss(tmp_path: Path) -> None:
    trainer = Trainer(replace(TINY, peak=5e-4), tmp_path)
    pixels_and_tokens = trainer.batch()
    trainer.batch = lambda: pixels_and_tokens  # type: ignore[method-assign]
    losses = [trainer.advance() for _ in range(10)]
    assert losses[-1] < losses[0] - 0.2


def test_a_resumed_run_is_the_same_run(tmp_path: Path) -> None:
    whole = Trainer(TINY, tmp_path / "whole")
    whole.run(tmp_path / "whole.pt", quiet)

    def interrupt(now: Progress) -> None:
        if now.step == 4:
            raise KeyboardInterrupt

    broken = Trainer(TINY, tmp_path / "broken")
    with pytest.raises(KeyboardInterrupt):
        broken.run(tmp_path / "broken.pt", interrupt, Times(checkpoint=0.0, export=0.0))
    assert not list(tmp_path.rglob("*.tmp"))

    resumed = Trainer(TINY, tmp_path / "broken")
    resumed.resume(tmp_path / "broken.pt")
    assert 0 < resumed.step < TINY.steps
    resumed.run(tmp_path / "broken.pt", quiet)
    assert torch.equal(weights(resumed), weights(whole))
    ours, theirs = (folder / models.WEIGHTS_FILE for folder in (tmp_path / "broken", tmp_path / "whole"))
    assert ours.read_bytes() == theirs.read_bytes()


def test_an_exported_folder_loads_and_agrees_with_the_average(tmp_path: Path) -> None:
    trainer = Trainer(TINY, tmp_path)
    trainer.advance()
    trainer.export()
    loaded = models.load(tmp_path)
    tokens = loaded.tokenizer(["a photo of a dog"])
    with torch.no_grad():
        ours = trainer.average.module.encode_text(tokens)
        assert torch.allclose(loaded.model.encode_text(tokens), ours, atol=1e-2)


def test_cropped_text_encoding_is_open_clips_own(tmp_path: Path) -> None:
    model = models.build(MERGES).eval()
    tokens = SimpleTokenizer(str(BUNDLED_MERGES), context_length=models.CONTEXT_LENGTH)(["dog", "a photo of a cat."])
    with torch.no_grad():
        assert torch.allclose(encode_text(model, tokens), model.encode_text(tokens), atol=1e-5)


def test_no_checkpoint_to_resume_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(ResumeError, match="no checkpoint"):
        Trainer(TINY, tmp_path / "m").resume(tmp_path / "none.pt")


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.pt"
    path.write_bytes(b"Dear sir")
    with pytest.raises(ResumeError, match="not a checkpoint"):
        Trainer(TINY, tmp_path / "m").resume(path)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    Trainer(TINY, tmp_path / "m").save(tmp_path / "run.pt")
    with pytest.raises(ResumeError, match="another run"):
        Trainer(replace(TINY, seed=1), tmp_path / "m").resume(tmp_path / "run.pt")


def test_a_run_may_be_made_longer(tmp_path: Path) -> None:
    Trainer(TINY, tmp_path / "m").save(tmp_path / "run.pt")
    Trainer(replace(TINY, scenes=960), tmp_path / "m").resume(tmp_path / "run.pt")


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth() -> None:
    plan = Plan(scenes=25_600, batch=256, warmup=10)
    rates = [learning_rate(plan, step) for step in range(plan.steps)]
    assert rates[0] == pytest.approx(plan.peak / 10)
    assert max(rates) == rates[9] == pytest.approx(plan.peak)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] < plan.peak * 0.012


def test_the_plans_last_batch_is_whole() -> None:
    assert Plan(scenes=257, batch=256).steps == 2
