"""An archive of a tiny model's stream, in which a test knows which images show a knife."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.reviews import reviews_bytes
from pipeline.ports import Hooks
from pipeline.rules.archive.chain import ChainName, Extent
from pipeline.rules.archive.names import day_of
from pipeline.rules.archive.remembered import as_kept, remembered
from pipeline.rules.judging import Judgement, judge
from pipeline.signals import WHOLE, Provenance, Signals, regions_of
from pipeline.wire import Review, rfc3339
from tests.archive.made import NOON, decision, keep
from tests.e2e.policies_under_test import write_policies
from workers import assembly
from workers.settings import load_settings

IMAGES, KNIVES, LIKENESSES = 3_000, 150, 200
THUMBNAIL = b"RIFF....WEBP"
"""What stands for a picture of each image that was flagged."""


@dataclass(frozen=True)
class Stream:
    """Where the archive lies, which policies decided, and what is in it."""

    archive: Path
    policies: Path
    model: str
    knives: frozenset[str]
    """The images that show one, by id."""
    scores: dict[str, float]
    """By image id, under the policy ``weapons``."""

    @property
    def options(self) -> list[str]:
        """Options of a command that reads it."""
        of_model = ["--model", self.model, "--device", "cpu", "--dtype", "float32"]
        return [*of_model, "--archive", str(self.archive)]


def make_stream(folder: Path, model: str) -> Stream:
    """Knives score high, likenesses of them somewhere between, and everything else low."""
    policies = write_policies(folder / "policies")
    settings = load_settings({"model": model, "policies": policies, "device": "cpu", "dtype": "float32"})
    loaded = assembly.load_model(settings, one_caller=True)
    compiled = assembly.judge(settings, loaded, Hooks()).live()
    words = loaded.encoder.encode_texts(["a photo of a knife.", "a knife", "a cat", "a tree"])
    made = _images(words, loaded.provenance)
    judgements = [found for at in range(0, IMAGES, 500) for found in judge(made[at : at + 500], compiled)]
    version = compiled.policy_set.version
    kept = [
        remembered(
            decision(number, signals, NOON + number, **_said(judgement, version)),
            signals,
            thumbnail=THUMBNAIL if judgement.matches else None,
        )
        for number, (signals, judgement) in enumerate(zip(made, judgements, strict=True))
    ]
    keep(FolderStore(folder / "archive"), kept)
    scores = {f"image-{number}": each.scores["weapons"] for number, each in enumerate(judgements)}
    knives = frozenset(f"image-{number}" for number in range(KNIVES))
    return Stream(folder / "archive", policies, model, knives, scores)


def review(stream: Stream, chance: Callable[[float], float], seed: int = 11) -> list[Review]:
    """Honest reviews: an image is chosen by its score, with the chance that a function gives."""
    rng = np.random.default_rng(seed)
    return [
        Review(
            review_id=image,
            event_id="",
            image_id=image,
            policy="weapons",
            label="yes" if image in stream.knives else "no",
            inclusion_probability=chance(score),
            at=rfc3339(NOON + 90_000),
        )
        for image, score in stream.scores.items()
        if rng.random() < chance(score)
    ]


def keep_reviews(stream: Stream, reviews: Sequence[Review]) -> None:
    """Let the archive keep them, as its archiver does."""
    chain = ChainName(f"reviews/day={day_of(reviews[0].at)}", "sluice.reviews.v1", 0)
    data = reviews_bytes(chain, Extent(0, len(reviews)), list(enumerate(reviews)))
    assert FolderStore(stream.archive).create(chain.path(0), data)


def _images(words: np.ndarray, made_by: Provenance) -> Sequence[Signals]:
    """Directions between what is a knife and what is none, each with noise of its own."""
    rng = np.random.default_rng(3)
    knife, other = words[:2].mean(0), words[2:].mean(0)
    rest = IMAGES - KNIVES - LIKENESSES
    kinds = rng.normal(0.95, 0.12, KNIVES), rng.normal(0.6, 0.1, LIKENESSES), rng.normal(-0.5, 0.2, rest)
    share = np.concatenate(kinds)[:, None]
    features = share * knife + (1 - share) * other
    features += rng.normal(0, 0.02 * np.linalg.norm(knife - other), features.shape)
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    return [Signals(as_kept(row[None]), regions_of([WHOLE]), made_by) for row in features]


def _said(judgement: Judgement, policy_set: str) -> dict[str, object]:
    return {
        "verdict": judgement.verdict,
        "matches": judgement.matches,
        "shadow": judgement.shadow,
        "scores": judgement.scores,
        "policy_set": policy_set,
    }
