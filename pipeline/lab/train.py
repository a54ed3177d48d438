"""Training: CLIP's symmetric contrastive loss on rendered scenes and their captions.

A run is a function of its plan. Scenes and captions come from (seed, step), the learning rate from the step alone,
and nothing else is random, so a run that resumes from a checkpoint goes on exactly as it would have gone (on the same
device with the same number of threads: sums in another order round otherwise).
"""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from open_clip.loss import ClipLoss
from open_clip.model import CLIP
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from pipeline.errors import UsageError
from pipeline.lab import model as models
from pipeline.lab.bpe import MERGES, write_merges
from pipeline.lab.captions import captions
from pipeline.lab.emoji import Atlas
from pipeline.lab.files import write_atomically
from pipeline.lab.plan import Plan, Progress, Times, learning_rate
from pipeline.lab.scenes import draw_scenes, scene_seed

EMA_DECAY = 0.998  # averages about the last 500 steps
MAX_LOGIT_SCALE = math.log(100)  # CLIP's own clamp


class ResumeError(UsageError):
    """A checkpoint that is missing, broken or of another run."""


def encode_text(model: CLIP, tokens: Tensor) -> Tensor:
    """open_clip's ``encode_text`` over only as many positions as the longest caption needs.

    The same ``float32[B,D]``: the text tower is causal and reads its feature at the end token, so the padding behind
    it changes nothing but cost.
    """
    ends = tokens.argmax(1)  # the end token has the greatest id
    length = int(ends.max()) + 1
    mask = cast(Tensor, model.attn_mask)[:length, :length]
    x = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=mask))
    features: Tensor = x[torch.arange(len(tokens)), ends] @ model.text_projection
    return features


@torch.no_grad()
def _follow(averages: Sequence[Tensor], values: Sequence[Tensor], count: Tensor | int) -> None:
    """Move the averages towards the values, fast at first: else the random start would weigh on short runs."""
    decay = min(EMA_DECAY, (1 + int(count)) / (10 + int(count)))
    for average, value in zip(averages, values, strict=True):
        if average.is_floating_point():
            average.lerp_(value, 1 - decay)
        else:
            average.copy_(value)  # BatchNorm's count of batches


@dataclass
class Trainer:
    """A run in progress: weights, their moving average, the optimiser, and the next step's number."""

    plan: Plan
    folder: Path
    step: int = 0
    _history: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        torch.manual_seed(self.plan.seed)
        write_merges(self.folder)
        self.tokenizer = models.load_tokenizer(self.folder)
        self.atlas = Atlas.build(self.plan.font)
        self.model = models.build(MERGES).to(self.plan.device)
        self.model.visual.to(memory_format=torch.channels_last)
        self.average = AveragedModel(self.model, multi_avg_fn=_follow, use_buffers=True)
        self.optimiser = torch.optim.AdamW(self._groups(), lr=self.plan.peak, betas=(0.9, 0.98))
        self.loss = ClipLoss()

    def _groups(self) -> list[dict[str, Any]]:
        """Matrices decay; gains, biases and the logit scale do not."""
        matrices = [value for value in self.model.parameters() if value.ndim > 1]
        others = [value for value in self.model.parameters() if value.ndim <= 1]
        return [{"params": matrices, "weight_decay": self.plan.weight_decay}, {"params": others, "weight_decay": 0.0}]

    def batch(self) -> tuple[Tensor, Tensor]:
        """The scenes of this step, ``float32[B,3,S,S]`` normalised, and their caption tokens ``int64[B,L]``."""
        plan = self.plan
        scenes = draw_scenes(self.atlas, plan.batch, models.IMAGE_SIZE, plan.seed, self.step)
        texts = captions(scenes.first.tolist(), scenes.second.tolist(), scene_seed(plan.seed, self.step))
        pixels = models.normalise(scenes.pixels.to(plan.device)).to(memory_format=torch.channels_last)
        return pixels, self.tokenizer(texts).to(plan.device)

    def advance(self) -> float:
        """One optimiser step; returns the batch's loss."""
        pixels, tokens = self.batch()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.plan, self.step)
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(torch.device(self.plan.device).type, torch.bfloat16):
            image = self.model.visual(pixels)
            text = encode_text(self.model, tokens)
        normalised = (torch.nn.functional.normalize(value.float(), dim=-1) for value in (image, text))
        loss = self.loss(*normalised, self.model.logit_scale.exp())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)
        self.average.update_parameters(self.model)
        self.step += 1
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Everything a checkpoint holds."""
        return {
            "run": self.plan.same_run(),
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        write_atomically(path, lambda temporary: torch.save(self.state(), temporary))

    def resume(self, path: Path) -> None:
        """Take up a checkpoint of the same run. Raises `ResumeError`."""
        try:
            saved = torch.load(path, map_location=self.plan.device, weights_only=True)
        except FileNotFoundError as error:
            raise ResumeError(f"no checkpoint at {path}: leave --resume away to begin a new run") from error
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise ResumeError(f"{path} is not a checkpoint of `sluice train` ({error})") from error
        if saved["run"] != self.plan.same_run():
            raise ResumeError(f"{path} is of another run ({saved['run']}): use its options, or leave --resume away")
        for key in ("model", "average", "optimiser"):
            getattr(self, key).load_state_dict(saved[key])
        self.step = saved["step"]

    def export(self) -> None:
        """Write the moving average as a model folder."""
        models.export(self.folder, self.average.module.state_dict(), MERGES)

    def run(self, checkpoint: Path, report: Callable[[Progress], None], times: Times | None = None) -> None:
        """Train to the end of the plan, writing the checkpoint and the folder now and then and at the end."""
        times = times or Times()
        saved = exported = time.monotonic()
        while self.step < self.plan.steps:
            loss = self.advance()
            now = time.monotonic()
            report(Progress(self.step, self.plan.steps, loss, self._rate(now)))
            if now - saved > times.checkpoint:
                self.save(checkpoint)
                saved = now
            if now - exported > times.export:
                self.export()
                exported = now
        self.save(checkpoint)
        self.export()

    def _rate(self, now: float) -> float:
        """Scenes per second over the last 50 steps."""
        self._history = [*self._history[-49:], (now, self.step)]
        (then, step), elapsed = self._history[0], now - self._history[0][0]
        return (self.step - step) * self.plan.batch / elapsed if now > then else 0.0
