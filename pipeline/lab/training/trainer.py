"""Trains by CLIP's symmetric contrastive loss on images and their captions.

A run is a function of its plan and its data. Batches come from the step's number, the learning rate from the step
alone, and nothing else is random, so a run that resumes from a checkpoint goes on exactly as it would have gone (on
the same device: sums in another order round otherwise).
"""

from __future__ import annotations

import math
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
from pipeline.lab.training.batches import TrainingBatch, load_batches
from pipeline.lab.training.checkpoint import ResumeError, check_same_run, read_checkpoint, write_weights
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
        """Write the checkpoint. Raises `UsageError` for weights that are of no use, and `ServiceError`."""
        self._check_weights()
        write_weights(path, lambda temporary: torch.save(self.state(), temporary))

    def resume(self, path: Path) -> None:
        """Take up a checkpoint of the same run. Raises `ResumeError`."""
        saved = read_checkpoint(path, self.device)
        check_same_run(path, saved, self.trainee.config, self.plan)
        try:
            for key in ("model", "average", "optimisers", "scaler"):
                getattr(self, key).load_state_dict(saved[key])
        except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise ResumeError(f"{path} does not fit: it is damaged, or of another version of Sluice") from error
        self.lanes.level()
        self.step, self.seconds = saved["step"], saved.get("seconds", 0.0)
        self.unreadable = dict.fromkeys(saved.get("unreadable", ()))

    def _check_weights(self) -> None:
        """Raise `UsageError` where a weight is no number: neither a checkpoint nor a model is written over by it."""
        every = (*self.model.parameters(), *self.average.module.parameters())
        if not torch.stack([torch.isfinite(each).all() for each in every]).all():
            raise self._diverged("weights are no longer numbers")

    def _check_loss(self, loss: float) -> None:
        # A scaler leaves out a step that overflows 16 bits, and halves; below 1 that is no overflow any more.
        left_out = self.scaler.is_enabled() and self.scaler.get_scale() >= 1
        if not math.isfinite(loss) and not left_out:
            raise self._diverged(f"the loss is {loss}")

    def _diverged(self, what: str) -> UsageError:
        return UsageError(
            f"step {self.step}: {what}; begin anew with a lower --learning-rate than {self.plan.peak:g} "
            "(checkpoint and model stay as they were last written)"
        )

    @torch.no_grad()
    def set_logit_scale(self, scale: float) -> None:
        """Give the moving average another logit scale, which `export` then writes."""
        cast(Any, self.average.module).logit_scale.fill_(math.log(scale))

    def close(self) -> None:
        self.lanes.close()
        self.optimisers.close()

    def export(self, folder: Path) -> None:
        """Write the moving average as a model folder. Raises as `save` does."""
        self._check_weights()
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
        nothing could be read or the loss is no longer a number, and `ServiceError` where nothing can be written.
        """
        times = times or Times()
        saved = exported = time.monotonic()
        began = saved - self.seconds
        with _attention(self.device):
            for batch in load_batches(self.batches, self.step, self.plan.steps, workers, self.plan.shown):
                self.unreadable |= dict.fromkeys(batch.unreadable)
                with uninterrupted():
                    loss = self.advance(batch)
                self._check_loss(loss)
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
        self.export(folder)  # first: a checkpoint that cannot be written must not cost what was trained
        self.save(checkpoint)

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
