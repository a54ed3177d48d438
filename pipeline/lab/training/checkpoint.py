"""The file that an interrupted run goes on from: how it is written, and what is refused of one that is read."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from pipeline.errors import ServiceError, UsageError
from pipeline.lab.files import write_atomically
from pipeline.lab.training.plan import Plan

_PARTS = {
    "run": dict,
    "config": dict,
    "step": int,
    "model": dict,
    "average": dict,
    "optimisers": dict,
    "scaler": dict,
}
_ANEW = "leave --resume away to begin a new run"


class ResumeError(UsageError):
    """A checkpoint is missing, broken or of another run."""


def write_weights(path: Path, write: Callable[[Path], object]) -> None:
    """`write_atomically` for torch and safetensors, which do not say by an ``OSError`` that a disk is full.

    Raises `ServiceError`.
    """
    try:
        write_atomically(path, write)
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error).partition("\n")[0]
        raise ServiceError(f"cannot write {path}: {reason}; make room, or name another place") from error


def read_checkpoint(path: Path, device: torch.device | str = "cpu", *, mapped: bool = False) -> dict[str, Any]:
    """What `Trainer.state` gave; nothing in the file is run. Raises `ResumeError`.

    With `mapped` the weights stay on the disk until they are looked at.
    """
    try:
        saved = torch.load(path, map_location=device, weights_only=True, mmap=mapped)
    except FileNotFoundError as error:
        raise ResumeError(f"no checkpoint at {path}: {_ANEW}") from error
    except OSError as error:
        raise ResumeError(f"{path} cannot be read ({error.strerror or error}): {_ANEW}") from error
    except pickle.UnpicklingError as error:
        why = "it holds something else than weights, which may ask to run code, and is not loaded"
        raise ResumeError(f"{path} is not a checkpoint of `sluice train` ({why})") from error
    except Exception as error:  # torch's reader raises what the bytes lead it to
        why = str(error).partition("\n")[0] or type(error).__name__
        raise ResumeError(f"{path} is not a checkpoint of `sluice train` ({why})") from error
    if not isinstance(saved, dict) or not all(isinstance(saved.get(key), kind) for key, kind in _PARTS.items()):
        raise ResumeError(f"{path} is not a checkpoint of `sluice train` (it holds something else)")
    return saved


def lanes_of(path: Path) -> int:
    """In how many lanes the run of a checkpoint computes. Raises `ResumeError`."""
    return int(read_checkpoint(path, mapped=True)["run"].get("lanes", 1))


def refuse_to_lose(path: Path) -> None:
    """Raise `UsageError` where a new run would write over one that is not at its end, or over another file."""
    if not path.exists():
        return
    try:
        saved = read_checkpoint(path, mapped=True)
        steps = Plan(saved["run"]["samples"], saved["run"]["batch"]).steps
    except (ResumeError, KeyError) as error:
        raise UsageError(f"{path} is no checkpoint that can be read: name another file, or remove it") from error
    if 0 < saved["step"] < steps:
        raise UsageError(
            f"{path} holds a run that was interrupted at step {saved['step']} of {steps}: go on with --resume, "
            "or remove it to begin anew"
        )


def check_same_run(path: Path, saved: Mapping[str, Any], config: dict[str, Any], plan: Plan) -> None:
    """Raise `ResumeError` for the checkpoint of another run; it names the options that were given then."""
    if saved["config"] != config:
        raise ResumeError(f"{path} is of a model of another architecture: name that one, or {_ANEW}")
    ours, theirs = plan.same_run(), {**Plan(samples=0).same_run(), **saved["run"]}
    different = [key for key in ours if theirs[key] != ours[key]]
    if not different:
        return
    options = [_option(key, theirs[key]) for key in different if key not in _FOLLOWS]
    said = ", ".join(options) or "by another version of Sluice"
    raise ResumeError(f"{path} is of another run ({said}): use its options, or {_ANEW}")


_FOLLOWS = frozenset({"sizes", "empty", "warmup", "weight_decay"})
"""What is decided by other options, or by nobody."""
_NAMES = {"peak": "learning-rate", "began_from": "init", "data": "data or --hand"}


def _option(key: str, value: Any) -> str:
    """A part of a plan as the option of ``sluice train`` that gives it."""
    if key == "lanes":
        return f"--device cpu, on {value} cores"
    name = "--" + _NAMES.get(key, key.replace("_", "-"))
    if key == "frozen":
        return " ".join(f"--freeze {part}" for part in value) or "no --freeze"
    return f"{name} {value}" if value not in {"", None} else f"no {name}"
