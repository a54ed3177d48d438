"""Trains by CLIP's symmetric contrastive loss on images and their captions.

A run is a function of its plan and its data. Batches come from the step's number, the learning rate from the step
alone, and nothing else is random, so a run that resumes from a checkpoint goes on exactly as it would have gone (on
the same device: sums in another order round otherwise).
"""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from open_clip.loss import SigLipLoss
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import Dataset

from pipeline.errors import UsageError
from pipeline.lab.files import write_atomically
from pipeline.lab.training.batches import TrainingBatch, load_batches
from pipeline.lab.training.contrast import Captions, Images, contrastive_loss
from pipeline.lab.training.interrupts import uninterrupted
from pipeline.lab.training.lanes import Lanes
from pipeline.lab.training.mix_style import MixStyle
from pipeline.lab.training.names import Names
from pipeline.lab.training.optimisers import Optimisers
from pipeline.lab.training.plan import Optimiser, Plan, Progress, Times, learning_rate
from pipeline.lab.training.products import with_products
from pipeline.lab.training.text import encode_text
from pipeline.lab.training.trainee import Trainee

EMA_DECAY = 0.998  # averages about the last 500 steps
MAX_LOGIT_SCALE = math.log(100)  # CLIP's own clamp
BFLOAT16_GENERATION = 8  # CUDA compute capability from which bfloat16 runs at full speed (Ampere)


class ResumeError(UsageError):
    """A checkpoint is missing, broken or of another run."""


def mixed_precision(device: torch.device) -> torch.dtype | None:
    """The 16-bit format in which this device computes fastest and well; None where there is none."""
    if device.type == "cuda":
        major, _ = torch.cuda.get_device_capability(device)
        return torch.bfloat16 if major >= BFLOAT16_GENERATION else torch.float16
    if device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16"):
        return torch.bfloat16
    return None


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
    """A run in progress: weights, their moving average, the optimisers, and the next step's number."""

    plan: Plan
    trainee: Trainee
    batches: Dataset[TrainingBatch]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    names: Names | None = None
    """The names of the lexicon, where scenes are also named among all of them."""
    step: int = 0
    unreadable: dict[str, None] = field(default_factory=dict)
    """Pictures that could not be read so far, each with what was wrong."""
    seconds: float = 0.0
    """How long it has run, in seconds, without the time between an interruption and its `resume`."""

    def __post_init__(self) -> None:
        self.precision = mixed_precision(self.device)
        model = self.trainee.train().to(self.device).to(memory_format=torch.channels_last)
        self.model: Any = with_products(model) if self.device.type == "cpu" else model
        self.average = AveragedModel(model, multi_avg_fn=_follow, use_buffers=True)
        self.optimisers = Optimisers(model, Optimiser(self.plan.optimiser), self.plan.weight_decay, self.plan.lanes)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision is torch.float16)
        self.lanes = Lanes(model, partial(_towers, self.device.type, self.precision), self.plan.lanes)
        share = self.plan.mix_style
        self.styles = [MixStyle(each, share) for each in self.lanes.models] if share else []
        self._history: list[tuple[float, int]] = []

    def advance(self, batch: TrainingBatch) -> float:
        """One optimiser step; returns the batch's loss. With under two images a lane it only counts the step."""
        if len(batch.texts) < self.plan.lanes * 2:
            self.step += 1
            return 0.0
        self.optimisers.set_rate(learning_rate(self.plan, self.step))
        self.lanes.zero_grad()
        pixels = batch.pixels.to(self.device, non_blocking=True).to(memory_format=torch.channels_last)
        with self._styles_mixed(batch):
            image, text = self.lanes.forward(pixels, self.trainee.tokenizer(batch.texts).to(self.device))
        loss = self._loss(image, text, batch)
        self.scaler.scale(loss).backward()
        self.lanes.backward(image, text)
        self.optimisers.unscale(self.scaler)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimisers.step(self.scaler)
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)
        self.average.update_parameters(self.model)
        self.step += 1
        return float(loss.detach())

    @contextmanager
    def _styles_mixed(self, batch: TrainingBatch) -> Iterator[None]:
        with ExitStack() as mixing:
            for lane, styles in enumerate(self.styles if batch.again else ()):
                mixing.enter_context(styles.mixing(self.plan.seed, self.step, lane))
            yield

    def _loss(self, image: Tensor, text: Tensor, batch: TrainingBatch) -> Tensor:
        """CLIP's loss, and that of `names` where they are told apart; SigLIP's own for a model made with a bias."""
        scale, bias = self.model.logit_scale.exp(), getattr(self.model, "logit_bias", None)
        image, text = nn.functional.normalize(image, dim=-1), nn.functional.normalize(text, dim=-1)
        if bias is not None:
            loss: Tensor = SigLipLoss()(image, text, scale, bias)
            return loss
        shown, pairs = batch.shown.to(self.device), len(text)
        captions = Captions(text, batch.named.to(self.device))
        loss = contrastive_loss(Images(image[:pairs], shown[:pairs]), captions, scale)
        return loss if self.names is None else loss + self.names.loss(image, shown, scale)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "run": self.plan.same_run(),
            "config": self.trainee.config,
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": self.optimisers.state_dict(),
            "scaler": self.scaler.state_dict(),
            "unreadable": list(self.unreadable),
            "seconds": self.seconds,
        }

    def save(self, path: Path) -> None:
        write_atomically(path, lambda temporary: torch.save(self.state(), temporary))

    def resume(self, path: Path) -> None:
        """Take up a checkpoint of the same run. Raises `ResumeError`."""
        try:
            saved = torch.load(path, map_location=self.device, weights_only=True)
        except FileNotFoundError as error:
            raise ResumeError(f"no checkpoint at {path}: leave --resume away to begin a new run") from error
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise ResumeError(f"{path} is not a checkpoint of `sluice train` ({error})") from error
        if not isinstance(saved, dict) or not saved.keys() >= {"run", "config", "step", "model", "optimisers"}:
            raise ResumeError(f"{path} is not a checkpoint of `sluice train` (it holds something else)")
        self._check_same(path, saved)
        for key in ("model", "average", "optimisers", "scaler"):
            getattr(self, key).load_state_dict(saved[key])
        self.lanes.level()
        self.step, self.seconds = saved["step"], saved.get("seconds", 0.0)
        self.unreadable = dict.fromkeys(saved.get("unreadable", ()))

    def _check_same(self, path: Path, saved: dict[str, Any]) -> None:
        if saved["config"] != self.trainee.config:
            raise ResumeError(f"{path} is of a model of another architecture: name that one, or leave --resume away")
        ours, theirs = self.plan.same_run(), {**Plan(samples=0).same_run(), **saved["run"]}
        if different := [f"{key} {theirs[key]}" for key in ours if theirs[key] != ours[key]]:
            options = ", ".join(different)
            raise ResumeError(f"{path} is of another run ({options}): use its options, or leave --resume away")

    @torch.no_grad()
    def set_logit_scale(self, scale: float) -> None:
        """Give the moving average another logit scale, which `export` then writes."""
        cast(Any, self.average.module).logit_scale.fill_(math.log(scale))

    def close(self) -> None:
        self.lanes.close()
        self.optimisers.close()

    def export(self, folder: Path) -> None:
        """Write the moving average as a model folder."""
        self.trainee.export(folder, self.average.module.state_dict())

    def run(
        self,
        folder: Path,
        checkpoint: Path,
        report: Callable[[Progress], None],
        times: Times | None = None,
        workers: int = 0,
    ) -> None:
        """Train to the end of the plan, writing the checkpoint and the folder as `times` says and at the end.

        Ctrl-C takes effect between steps, so that `save` then finds a state to go on from. Raises `UsageError` where
        nothing could be read.
        """
        times = times or Times()
        saved = exported = time.monotonic()
        began = saved - self.seconds
        with _attention(self.device):
            for batch in load_batches(self.batches, self.step, self.plan.steps, workers, self.plan.shown):
                self.unreadable |= dict.fromkeys(batch.unreadable)
                with uninterrupted():
                    loss = self.advance(batch)
                now = time.monotonic()
                self.seconds = now - began
                report(Progress(self.step, self.plan.steps, loss, self._rate(now)))
                if now - saved > times.checkpoint:
                    self.save(checkpoint)
                    saved = now
                if now - exported > times.export:
                    self.export(folder)
                    exported = now
        if not self.average.n_averaged:
            why = next(iter(self.unreadable), "none was found")
            raise UsageError(f"no batch of pictures could be read, so nothing was learned; {why}")
        self.save(checkpoint)
        self.export(folder)

    def _rate(self, now: float) -> float:
        """Images per second over the last 49 steps."""
        self._history = [*self._history[-49:], (now, self.step)]
        (then, step), elapsed = self._history[0], now - self._history[0][0]
        return (self.step - step) * self.plan.batch / elapsed if now > then else 0.0


def _towers(
    device: str, precision: torch.dtype | None, model: nn.Module, pixels: Tensor, tokens: Tensor
) -> tuple[Tensor, Tensor]:
    """Features ``float32[n,D]`` of images and their captions, not normalised."""
    clip = cast(Any, model)
    # Autocast's cache of weights is one for all threads: a lane that ends clears it under another, whose gradients
    # are then summed in another precision, and no run repeats.
    with torch.autocast(device, precision, enabled=precision is not None, cache_enabled=False):
        return clip.encode_image(pixels).float(), encode_text(clip, tokens).float()


def _attention(device: torch.device) -> AbstractContextManager[None]:
    """On a CPU, the plain kernel: torch's fused one takes 37 ms a layer on the way back through a small tower."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()
