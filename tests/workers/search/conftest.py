"""An archive of shipped samples, seen by the bundled model, and searches of it in this process."""

from __future__ import annotations

import inspect
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageOps

from pipeline.adapters.local.store import FolderStore
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.data.extract import extract
from pipeline.rules.archive.remembered import as_kept, remembered
from pipeline.signals import Signals
from pipeline.wire import FeaturesRecord, Match
from tests.archive.made import NOON, decision, keep
from workers import assembly
from workers.assembly import Model
from workers.commands.search import search
from workers.settings import Settings

SAMPLES = Settings().policies / "samples"
KNIVES = ("kitchen-knife-02.jpg", "kitchen-knife-03.jpg")
OTHERS = (
    *("banana-01.png", "bus-01.png", "cactus-01.jpg", "pill-01.jpg", "pill-02.jpg", "violin-01.jpg", "dog-01.jpg"),
    "rocket-01.jpg",
)
NAMES = (*KNIVES, *OTHERS, "cats-then-a-knife.gif")
COPY = "copy-of-bus.jpg"


@pytest.fixture(scope="session")
def model() -> Model:
    torch.set_num_threads(1)
    settings = Settings(decode_in="threads", cores=1, dtype="float32", device="cpu")
    return assembly.load_model(settings, one_caller=True)


def saved_again(name: str) -> bytes:
    """The sample at half its size, as a JPEG."""
    picture = ImageOps.exif_transpose(Image.open(SAMPLES / name)).convert("RGB")
    out = io.BytesIO()
    picture.resize((picture.width // 2, picture.height // 2)).save(out, "JPEG", quality=80)
    return out.getvalue()


def seen(model: Model, images: dict[str, bytes]) -> dict[str, Signals]:
    examples = [Example(name, lambda image=image: image) for name, image in images.items()]  # type: ignore[misc]
    found = extract(Dataset("samples", examples, ()), model.decoder, model.encoder, threads=1)
    return {each.name: signals for each, signals in zip(found.examples, found.signals, strict=True)}


def record(number: int, name: str, signals: Signals, image: bytes) -> FeaturesRecord:
    kept = Signals(as_kept(signals.features), signals.regions, signals.made_by, signals.unseen)
    knife = name in KNIVES
    said = decision(
        number,
        kept,
        NOON + 3600 * number,
        image_id=name,
        verdict="block" if knife else "allow",
        matches=[Match("weapons", "v", "block", 0.9, 0.8, "a kitchen knife", 0.9)] if knife else [],
    )
    small, out = Image.open(io.BytesIO(image)).convert("RGB"), io.BytesIO()
    small.thumbnail((64, 64))
    small.save(out, "WEBP")
    return remembered(said, kept, thumbnail=None if name == "dog-01.jpg" else out.getvalue())


@pytest.fixture(scope="session")
def archive(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = {name: (SAMPLES / name).read_bytes() for name in NAMES} | {COPY: saved_again("bus-01.png")}
    folder = tmp_path_factory.mktemp("archive")
    made = [record(number, *each, images[each[0]]) for number, each in enumerate(seen(model, images).items())]
    keep(FolderStore(folder), made)
    return folder


@dataclass(frozen=True)
class Answered:
    status: int
    stdout: str
    stderr: str

    @property
    def record(self) -> dict[str, Any]:
        return json.loads(self.stdout)  # type: ignore[no-any-return]

    @property
    def ids(self) -> list[str]:
        return [each["image_id"] for each in self.record["found"]]


Ask = Callable[..., Answered]


@pytest.fixture
def ask(
    model: Model,
    archive: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ask:
    """Run a search in this process, by the model that is there: `ask(["a bus"], limit=3)`; ``--json`` by default."""
    monkeypatch.setattr(assembly, "load_model", lambda *_args, **_how: model)

    def run(words: Sequence[str] = (), *, as_json: bool = True, **how: object) -> Answered:
        given = {"words": list(words), "archive": str(archive), "as_json": as_json, **how}
        every = {name: each.default for name, each in inspect.signature(search).parameters.items()}
        status = search(**(every | given))
        said = capsys.readouterr()
        return Answered(status, said.out, said.err)

    return run
