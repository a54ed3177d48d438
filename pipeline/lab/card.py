"""The model card that a training run leaves in its folder: what the model is, what was measured, its blind spots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.lab.evaluate import SCENE_SIZE, SEED, Report
from pipeline.lab.files import write_text
from pipeline.lab.plan import Plan

CARD_FILE = "MODEL_CARD.md"

_CARD = """# Sluice's bundled model

A small CLIP that Sluice trains itself, so that a newcomer can see the pipeline work with nothing to download. It
knows what emoji look like, in their words, and nothing else.

**It knows nothing of photographs.** On a photograph its scores mean nothing at all, neither the flags nor their
absence. For real images set `SLUICE_MODEL` and `SLUICE_PRETRAINED` to any open_clip model, for example `ViT-B-32` and
`laion2b_s34b_b79k`; nothing else changes.

## What it is

- open_clip's `CLIP`: timm `resnet10t` at 64x64, a text transformer of width 128 and 3 layers, 256 features;
  {parameters:,} parameters, stored as float16 in open_clip's `local-dir:` layout ({size:,} bytes in all).
- A byte-pair vocabulary of its own (`bpe_merges.txt.gz`, learned from the lexicon); any text can be tokenised, words
  far from the lexicon into many tokens. Context length 32 tokens.

## How it was trained

`sluice train --scenes {scenes} --batch {batch} --seed {seed}`: CLIP's symmetric contrastive loss on {scenes:,}
rendered scenes, each seen once. A scene is one of {classes:,} emoji of Noto Color Emoji, 35 to 95% of the frame,
turned, stretched and recoloured, on gradients, noise, stripes, shapes and scraps of other emoji; one in five holds a
second, smaller thing. Captions are Unicode CLDR short names and keywords through varied templates. No photograph, no
person's data and no pretrained weight went into it. The weights are a moving average of the last few hundred steps.
The logit scale, {scale:.1f}, was fitted afterwards on held-out scenes (temperature scaling), so that a softmax over
the whole lexicon means what it says.
{note}
## What was measured

Twice {tested:,} fresh scenes of a seed that no run trains on ({test_seed}), one thing each, drawn at {pixels} px,
saved as JPEG, read back and preprocessed by the model's own transform; the right name among all {classes:,},
templates ensembled:

| scenes | zero-shot top-1 | zero-shot top-5 |
|---|---|---|
| the thing alone on clutter | {alone1:.1%} | {alone5:.1%} |
| half of them with scraps of other emoji under it, as in training | {top1:.1%} | {top5:.1%} |

## What it is blind to

- Photographs, drawings in other styles, other vendors' emoji, text in images, video.
- Whatever has no emoji: it answers with the nearest thing that has one. It knows a pistol only as a toy one.
- Words: names and keywords of emoji it knows; paraphrase, negation, counting and relations ("a man holding a knife")
  it was never taught.
- Small things: under about a third of the frame it has seen few, under a fifth none.
- Things turned by more than 30 degrees; hues far from the emoji's own.

## Licences

Glyphs: Noto Color Emoji, SIL Open Font License 1.1; the font is not included. Names and keywords: Unicode CLDR,
Unicode-DFS-2016, (c) 1991-2022 Unicode, Inc. The weights: as Sluice itself.
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card says of a finished run."""

    plan: Plan
    report: Report
    """On scenes as in training."""
    alone: Report
    """On scenes without scraps of other emoji."""
    parameters: int
    logit_scale: float
    note: str = ""
    """What a reader should know of this run in particular; Markdown."""


def write_card(folder: Path, facts: Facts) -> None:
    """Write ``MODEL_CARD.md``; the size that it states counts every file but the card."""
    size = sum(path.stat().st_size for path in folder.iterdir() if path.name != CARD_FILE)
    plan, report = facts.plan, facts.report
    text = _CARD.format(
        parameters=facts.parameters,
        scale=facts.logit_scale,
        size=size,
        scenes=plan.steps * plan.batch,
        batch=plan.batch,
        seed=plan.seed,
        classes=report.classes,
        tested=report.scenes,
        test_seed=SEED,
        pixels=SCENE_SIZE,
        alone1=facts.alone.top1,
        alone5=facts.alone.top5,
        top1=report.top1,
        top5=report.top5,
        note=f"\n{facts.note}\n" if facts.note else "",
    )
    write_text(folder / CARD_FILE, text)
