"""How well the shipped policies do with a model: precision and recall of every threshold, on fresh scenes.

``python -m pipeline.lab.judge policies pipeline/bundled_model`` prints the table. Each emoji counts the same, however
many of its scenes were drawn: precision is that of a stream in which all 1,354 emoji are equally common, so a policy
about one of them meets 1,353 harmless ones for each that it should flag.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.lab.emoji import Atlas
from pipeline.lab.evaluate import SCENE_SIZE, as_jpeg, ensemble, image_features, to_images
from pipeline.lab.lexicon import index_of, load_lexicon
from pipeline.lab.model import Loaded, load
from pipeline.lab.scenes import draw_scenes
from pipeline.lab.truth import ABOUT, ARGUABLE
from pipeline.rules.policy_files import parse_policies
from pipeline.rules.policy_set import PolicySet
from pipeline.rules.scoring import CompiledPolicies, compile_policies

SEED = 2**42  # neither a training seed nor the evaluation's nor the samples'
HARMLESS_TAKES = 3  # scenes of each emoji that no policy is about
ABOUT_TAKES = 16  # and of each that one is about
_CHUNK = 64
Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Finding:
    """One threshold of one policy; ``false_flags`` counts harmless scenes flagged of ``harmless`` drawn."""

    policy: str
    action: str
    threshold: float
    precision: float
    recall: float
    false_flags: int
    harmless: int


def read_policies(folder: Path) -> PolicySet:
    """The policy set of a folder. Raises `PolicyError`."""
    return parse_policies({str(path): path.read_bytes() for path in folder.iterdir() if path.is_file()})


def compile_with(policies: PolicySet, loaded: Loaded) -> CompiledPolicies:
    """The policies made ready to score images with this model."""
    sentences = list(policies.sentences())
    texts = ensemble(loaded, sentences, policies.defaults.templates).numpy()
    scale = float(loaded.model.logit_scale.detach().exp())
    return compile_policies(policies, dict(zip(sentences, texts, strict=True)), scale, None)


def draw_features(loaded: Loaded, atlas: Atlas, seed: int = SEED) -> tuple[Floats, NDArray[np.int64]]:
    """Image features ``float32[N,D]`` of fresh scenes and what each shows, ``int64[N]``."""
    wanted = {index_of(name) for names in ABOUT.values() for name in names}
    takes = [ABOUT_TAKES if index in wanted else HARMLESS_TAKES for index in range(atlas.count)]
    shown = torch.arange(atlas.count).repeat_interleave(torch.tensor(takes))
    shown = shown[torch.randperm(len(shown), generator=torch.Generator().manual_seed(seed))]
    features = []
    for step, first in enumerate(shown.split(_CHUNK)):
        pixels = draw_scenes(atlas, len(first), SCENE_SIZE, seed, step, first=first, scraps=False).pixels
        features.append(image_features(loaded, [as_jpeg(image) for image in to_images(pixels)]).numpy())
    return np.concatenate(features), shown.numpy()


def judge(compiled: CompiledPolicies, features: Floats, shown: NDArray[np.int64]) -> Iterator[Finding]:
    """Every threshold of every policy that `truth` knows."""
    scores = compiled.score(features.astype(np.float32)).scores
    per_emoji = np.bincount(shown, minlength=len(load_lexicon()))
    weights = 1.0 / per_emoji[shown]
    for column, policy in enumerate(compiled.policies):
        if policy.id not in ABOUT:
            continue
        about = np.isin(shown, [index_of(name) for name in ABOUT[policy.id]])
        arguable = np.isin(shown, [index_of(name) for name in ARGUABLE[policy.id]])
        harmless = ~about & ~arguable
        for action, threshold in policy.actions.items():
            flagged = scores[:, column] >= threshold
            hits, false = (float(weights[flagged & which].sum()) for which in (about, harmless))
            yield Finding(
                policy=policy.id,
                action=action,
                threshold=threshold,
                precision=hits / (hits + false) if hits + false else 1.0,
                recall=hits / float(weights[about].sum()),
                false_flags=int((flagged & harmless).sum()),
                harmless=int(harmless.sum()),
            )


def main(policies: Path, model: Path) -> None:
    """Print the table."""
    loaded = load(model)
    compiled = compile_with(read_policies(policies), loaded)
    features, shown = draw_features(loaded, Atlas.build())
    for each in judge(compiled, features, shown):
        sys.stdout.write(
            f"{each.policy:20} {each.action:7} {each.threshold:.2f}  precision {each.precision:.3f}"
            f"  recall {each.recall:.3f}  false flags {each.false_flags}/{each.harmless}\n"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
