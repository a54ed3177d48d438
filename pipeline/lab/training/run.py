"""Puts a training run together from what the command line says: the model, its data, its plan."""

from __future__ import annotations

import hashlib
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch.utils.data import Dataset as TorchDataset

from pipeline.errors import UsageError
from pipeline.lab.data.dataset_files import file_name
from pipeline.lab.data.pairs import Pair, read_pairs
from pipeline.lab.hands.folder import read_hand
from pipeline.lab.hands.mixed import mixed
from pipeline.lab.scenes.emoji import Atlas, find_font, open_font
from pipeline.lab.scenes.recipes import IN_ANY_HAND, TRAINING
from pipeline.lab.training.batches import PairBatches, SceneBatches, TrainingBatch
from pipeline.lab.training.bpe import MERGES
from pipeline.lab.training.mix_style import mixes_styles
from pipeline.lab.training.model import config, fresh
from pipeline.lab.training.names import Names
from pipeline.lab.training.plan import Optimiser, Plan
from pipeline.lab.training.record import TrainingRecord
from pipeline.lab.training.trainee import Part, Trainee
from pipeline.lab.training.trainer import Trainer

Load = Callable[[str, str | None], Trainee]
"""Loads the model that ``--init`` and ``--pretrained`` name. Raises `ModelError`."""

SCENES = 2_500_000
SCENES_DATA = "rendered emoji scenes"
SCENE_SIZES = ((0.3, 48), (0.85, 64))
FINER_SIZES = ((0.4, 64),)
EMPTY_OF = 16
"""One image in so many shows nothing, where the text tower is frozen."""
FRESH_PEAK, INIT_PEAK = 1.2e-3, 1e-5
"""Highest learning rates: for random weights, and for weights that know much already."""
EPOCHS = 10
LEAST_PAIRS = 8
LEAST_SHARE = 32
"""Least images of a batch in each lane: batch norm takes its statistics from them."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person chose, None where the default depends on the rest; lanes may use that many ``cores``."""

    data: Path | None
    init: str | None
    pretrained: str | None
    freeze: tuple[Part, ...]
    samples: int | None
    batch: int
    peak: float | None
    seed: int
    held_out: float
    font: Path | None
    cores: int
    hands: tuple[Path, ...] = ()
    shown: int = 1
    """How often each batch of scenes is shown."""
    optimiser: Optimiser = Optimiser.ADAMW
    mix_style: float = 0.0
    """The share of images shown again whose style is mixed with another's."""

    @property
    def init_label(self) -> str | None:
        """The model to begin from, without the folders that lead to it."""
        if self.init is None:
            return None
        kind, colon, path = self.init.partition(":")
        name = shlex.quote(f"{kind}:{Path(path).name}" if colon and kind == "local-dir" else self.init)
        return f"{name} --pretrained {shlex.quote(Path(self.pretrained).name)}" if self.pretrained else name


@dataclass(frozen=True)
class Run:
    """What is to be trained, on what, and which pairs are kept from training for the test."""

    trainee: Trainee
    plan: Plan
    batches: TorchDataset[TrainingBatch]
    data: str
    """What the model learns from, in words."""
    held_out: tuple[Pair, ...] = ()
    left_out: tuple[str, ...] = ()
    """Drawings of hands that are not used, each with the reason."""
    names: Names | None = None


def prepare(choices: Choices, load: Load) -> Run:
    """Load the model and look at the data. Raises `UsageError` and `ModelError` for what cannot work."""
    if choices.data is None:
        open_font(find_font(choices.font))
    elif choices.hands:
        raise UsageError("--hand is for rendered emoji scenes: leave --data away, or --hand")
    elif choices.shown > 1:
        raise UsageError("--shown is for rendered emoji scenes: leave --data away, or --shown")
    if choices.mix_style and choices.shown == 1:
        raise UsageError("--mix-style is for what is shown again: give --shown 2 or more")
    trainee = _trainee(choices, load)
    if choices.mix_style and not mixes_styles(trainee.model):
        raise UsageError("--mix-style is for an image tower that is a ResNet of timm's: leave it away")
    if choices.data is None:
        return _on_scenes(choices, trainee)
    return _on_pairs(choices, trainee, choices.data)


def _trainee(choices: Choices, load: Load) -> Trainee:
    if choices.init is None:
        if choices.pretrained or choices.freeze:
            raise UsageError("--pretrained and --freeze need --init, the model to begin from")
        return fresh(choices.seed)
    if {"image", "text"} <= {*choices.freeze}:
        raise UsageError("--freeze image and --freeze text together leave nothing to learn: freeze one of them")
    return load(choices.init, choices.pretrained).freeze(choices.freeze)


def _on_scenes(choices: Choices, trainee: Trainee) -> Run:
    hands = [read_hand(path) for path in choices.hands]
    named = "text" in choices.freeze and getattr(trainee.model, "logit_bias", None) is None
    plan = Plan(
        samples=choices.samples or SCENES,
        batch=choices.batch,
        seed=choices.seed,
        peak=_peak(choices),
        sizes=_sizes(choices, trainee),
        lanes=_lanes(choices, choices.batch),
        frozen=choices.freeze,
        began_from=_began_from(choices, trainee),
        font=_short(find_font(choices.font).read_bytes()),
        data="; ".join(f"{hand.name} with {len(hand.things)} drawings, {hand.digest}" for hand in hands),
        empty=choices.batch // EMPTY_OF if named else 0,
        shown=choices.shown,
        mix_style=choices.mix_style,
        optimiser=choices.optimiser.value,
    )
    atlas = mixed(Atlas.build(choices.font), hands) if hands else None
    recipe = IN_ANY_HAND if hands else TRAINING
    batches = SceneBatches(plan, trainee.size, trainee.normalise, choices.font, atlas=atlas, recipe=recipe)
    left_out = tuple(each for hand in hands for each in hand.left_out)
    return Run(trainee, plan, batches, SCENES_DATA, left_out=left_out, names=Names.of(trainee) if named else None)


def _sizes(choices: Choices, trainee: Trainee) -> tuple[tuple[float, int], ...]:
    """Only the bundled model's convolutions take pictures of any size; a trained one has no use for the smallest."""
    if choices.init is None:
        return SCENE_SIZES
    ours = config(MERGES)["model_cfg"]["vision_cfg"]["timm_model_name"]
    theirs = trainee.config["model_cfg"].get("vision_cfg", {}).get("timm_model_name")
    return FINER_SIZES if ours == theirs else ()


def _on_pairs(choices: Choices, trainee: Trainee, path: Path) -> Run:
    pairs, held_out = _split(read_pairs(path), choices.held_out, choices.seed, path)
    batch = min(choices.batch, len(pairs))
    plan = Plan(
        samples=choices.samples or EPOCHS * len(pairs),
        batch=batch,
        seed=choices.seed,
        peak=_peak(choices),
        lanes=_lanes(choices, batch),
        frozen=choices.freeze,
        began_from=_began_from(choices, trainee),
        optimiser=choices.optimiser.value,
        data=f"{file_name(path.resolve().name)} with {len(pairs)} pairs, {_digest(pairs)}",
    )
    batches = PairBatches(plan, pairs, trainee.config["preprocess_cfg"])
    words = f"{len(pairs):,} pairs of image and caption from {file_name(path.resolve().name)}"
    return Run(trainee, plan, batches, words, tuple(held_out))


def _began_from(choices: Choices, trainee: Trainee) -> str:
    """The label of the weights and a digest of them: a folder of the same name may hold others."""
    if choices.init_label is None:
        return ""
    digest = hashlib.sha256()
    for name, value in sorted(trainee.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return f"{choices.init_label}, {digest.hexdigest()[:8]}"


def _peak(choices: Choices) -> float:
    if choices.peak is not None:
        if not math.isfinite(choices.peak):
            raise UsageError(f"--learning-rate {choices.peak} is no rate to learn at: give one such as {FRESH_PEAK}")
        return choices.peak
    return FRESH_PEAK if choices.init is None else INIT_PEAK


def _lanes(choices: Choices, batch: int) -> int:
    return max(1, min(choices.cores, batch // LEAST_SHARE))


def _digest(pairs: Sequence[Pair]) -> str:
    """8 hex digits of SHA-256 over the pictures' names and captions; where the folder lies does not count."""
    lines = "\n".join(f"{pair.image.name}\t{pair.caption}" for pair in pairs)
    return _short(lines.encode("utf-8", "surrogateescape"))


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def _split(pairs: Sequence[Pair], share: float, seed: int, path: Path) -> tuple[list[Pair], list[Pair]]:
    """Pairs to train on and pairs to test with; all pairs of one image go the same way."""
    images = sorted({pair.image for pair in pairs})
    Random(seed).shuffle(images)
    kept = set(images[: round(len(images) * share)])
    ours = [pair for pair in pairs if pair.image not in kept]
    if len(ours) < LEAST_PAIRS:
        raise UsageError(f"{path}: {len(ours)} pairs to train on are too few to tell apart; {LEAST_PAIRS} at least")
    return ours, [pair for pair in pairs if pair.image in kept]


def known_device(name: str) -> torch.device:
    """The device, if torch can use it here; ``auto`` is cuda where there is one, else cpu. Raises `UsageError`."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).tolist()  # "meta" makes tensors, and computes nothing
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"--device {name} cannot be used here ({reason}): try --device cpu") from error
    return device


def record(run: Run, trainer: Trainer, choices: Choices, fitted: float | None) -> TrainingRecord:
    """The record of a finished run; `fitted` is the logit scale that was set after training, if one was."""
    model: Any = trainer.average.module
    return TrainingRecord(
        command=_command(choices),
        began_from=choices.init_label or "random weights",
        data=run.data,
        samples=run.plan.steps * run.plan.batch,
        unreadable=len(trainer.unreadable),
        plan=run.plan.same_run(),
        parameters=sum(value.numel() for value in model.parameters()),
        device=_device_name(trainer.device, run.plan.lanes),
        precision=str(trainer.precision or torch.float32).removeprefix("torch."),
        minutes=round(trainer.seconds / 60, 1),
        logit_scale=fitted or float(model.logit_scale.detach().exp()),
        scale_was_fitted=fitted is not None,
    )


def _command(choices: Choices) -> str:
    """The command with the options that decide what is learned; of paths only the names."""
    options = {
        "--data": _quoted(choices.data) if choices.data else None,
        "--init": choices.init_label,
        "--hand": " --hand ".join(map(_quoted, choices.hands)) or None,
        "--freeze": " --freeze ".join(choices.freeze) or None,
        "--samples": choices.samples,
        "--batch": choices.batch,
        "--learning-rate": choices.peak,
        "--optimiser": choices.optimiser.value if choices.optimiser is not Optimiser.ADAMW else None,
        "--shown": choices.shown if choices.shown > 1 else None,
        "--mix-style": choices.mix_style or None,
        "--seed": choices.seed,
        "--held-out": choices.held_out if choices.data else None,
    }
    given = (f"{name} {value}" for name, value in options.items() if value is not None)
    return " ".join(["sluice train OUT", *given])


def _quoted(path: Path) -> str:
    """A path's last part, as a shell takes it."""
    return shlex.quote(file_name(path.resolve().name))


def _device_name(device: torch.device, lanes: int) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{lanes} cores of a CPU" if device.type == "cpu" else device.type
