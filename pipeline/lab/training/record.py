"""The record of a training run, ``training.json`` beside the weights, from which its card can be written again."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError
from pipeline.lab.files import write_text

RECORD_FILE = "training.json"
# As `run.prepare` names them. A folder's name may hold anything, "; " and " with " too.
_HAND = re.compile(r"(?:^|; )(.+?) with \d+ drawings, ([0-9a-f]{8})(?=; |$)")


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
        """The hands that it learned from beside the lexicon's own."""
        return tuple(name for name, _ in self._hands)

    @property
    def hands_known_by(self) -> frozenset[str]:
        """The names of those hands and the digests of their drawings: a folder may have another name by now.

        A digest alone would not do: another version of the renderer draws the same files a little differently.
        """
        return frozenset(each for hand in self._hands for each in hand)

    @property
    def _hands(self) -> list[tuple[str, str]]:
        return _HAND.findall(self.plan.get("data", ""))

    @property
    def is_ours(self) -> bool:
        """Whether all that its weights learned from is known here: they began from none, or from the bundled ones."""
        return self.began_from in {"random weights", "bundled", "the bundled model before it"}

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
