"""The record of a training run, ``training.json`` beside the weights, from which its card can be written again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError
from pipeline.lab.files import write_text

RECORD_FILE = "training.json"


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    command: str
    """The command line that repeats it, paths left out."""
    began_from: str
    """What the weights were before: ``random weights``, or a model's name."""
    data: str
    samples: int
    unreadable: int
    """Pictures that could not be read."""
    plan: dict[str, Any]
    parameters: int
    device: str
    precision: str
    minutes: float
    logit_scale: float
    scale_was_fitted: bool
    """Whether `logit_scale` was set after training, on held-out scenes."""
    note: str = ""
    """What a reader should know of this run in particular; Markdown."""

    @property
    def hands(self) -> tuple[str, ...]:
        """The hands that it learned from beside the lexicon's own, as `run.prepare` names them."""
        return tuple(each.partition(" with ")[0] for each in self.plan.get("data", "").split("; ") if each)

    def write(self, folder: Path) -> None:
        write_text(folder / RECORD_FILE, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> TrainingRecord:
        """The record in a model's folder. Raises `ModelError` where none can be read."""
        path = folder / RECORD_FILE
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{field.name: found[field.name] for field in fields(cls)})
        except FileNotFoundError as error:
            raise ModelError(f"{path} does not exist: give a folder that `sluice train` wrote") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path} is no record of a training run: {error!r}") from error
