"""The model card beside the weights: what the model is, how it was trained, what was measured, its blind spots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.lab.evaluation.coverage import Seen
from pipeline.lab.evaluation.evaluate import Evaluation
from pipeline.lab.evaluation.findings import Findings
from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.files import write_text
from pipeline.lab.training.record import TrainingRecord

CARD_FILE = "MODEL_CARD.md"

KIND_TITLES = {
    "alone": "one thing, 35 to 95% of the frame, turned and recoloured, on clutter",
    "among": "one thing among two or three others; any of them counts",
    "worn": "one thing as in training: blur, grain, scraps of others under it",
    "grey": "one thing, no colour at all",
    "poor-jpeg": "one thing, JPEG quality 20",
    "symbola": "one thing in another hand: Symbola's black outlines",
}
WORDING_TITLES = {
    "composed": "keywords made of words that it met in other phrases",
    "new": "keywords with words that it never met",
}


def write_emoji_card(
    folder: Path,
    record: TrainingRecord,
    findings: Findings,
    seen: Mapping[tuple[str, str], Seen] | None = None,
    surrounded: Mapping[str, Seen] | None = None,
) -> None:
    """The card of a model trained on rendered scenes.

    `seen` has a row for each shape of picture and place of the thing in it, `surrounded` one for pictures as they are
    and one for each of `SURROUNDS`.
    """
    alone = findings.kinds["alone"]
    text = "\n".join(
        [
            _EMOJI_HEAD,
            *_what_it_is(folder, record),
            *_how_it_was_trained(record, _SCENES.format(classes=f"{alone.classes:,}")),
            "## What was measured\n",
            _METHOD.format(scenes=f"{alone.scored:,}", classes=f"{alone.classes:,}"),
            *_kinds(findings),
            *_sizes(alone),
            *_words(findings),
            *_policies(findings),
            *_places(seen or {}),
            *_surrounds(surrounded or {}),
            _EMOJI_BLIND,
        ]
    )
    write_text(folder / CARD_FILE, text)


def write_pairs_card(folder: Path, record: TrainingRecord, held_out: Evaluation | None) -> None:
    """The card of a model trained on pairs; ``held_out`` was measured on pairs kept from training."""
    text = "\n".join(
        [
            f"# {folder.name}\n",
            "A CLIP model that `sluice train` fitted to pairs of image and caption.\n",
            *_what_it_is(folder, record),
            *_how_it_was_trained(record, ""),
            "## What was measured\n",
            *(_retrieval(held_out) if held_out else [_NOT_MEASURED]),
            _PAIRS_BLIND,
        ]
    )
    write_text(folder / CARD_FILE, text)


def _what_it_is(folder: Path, record: TrainingRecord) -> Iterator[str]:
    size = sum(path.stat().st_size for path in folder.iterdir() if path.name != CARD_FILE and path.is_file())
    yield "## What it is\n"
    yield f"- open_clip's CLIP, begun from {record.began_from}; its shape is in `open_clip_config.json`."
    yield f"- {record.parameters:,} parameters; the folder holds {size:,} bytes beside this card."
    fitted = "fitted afterwards on held-out scenes (temperature scaling)" if record.scale_was_fitted else "as trained"
    yield f"- Logit scale {record.logit_scale:.1f}, {fitted}.\n"


def _how_it_was_trained(record: TrainingRecord, more: str) -> Iterator[str]:
    yield "## How it was trained\n"
    yield f"`{record.command}`\n"
    yield (
        f"Contrastively, on {record.samples:,} samples of {record.data}, in batches of {record.plan['batch']}, in "
        f"{record.minutes:.0f} minutes on {record.device} ({record.precision}). "
        "The weights are a moving average over the last few hundred steps.\n"
    )
    if record.unreadable:
        yield f"{record.unreadable} pictures could not be read and were left out.\n"
    if more:
        yield more
    if record.note:
        yield f"{record.note}\n"


def _kinds(findings: Findings) -> Iterator[str]:
    yield "| scenes | top-1 | top-5 |\n|---|---|---|"
    for kind, found in findings.kinds.items():
        first, five = found.top[0].accuracy, found.top[1].accuracy
        yield f"| {KIND_TITLES[kind]} | {_percent(first)} | {_percent(five)} |"
    alone = findings.kinds["alone"]
    yield ""
    if alone.template_gain:
        yield f"Three templates gain {_percent(alone.template_gain, signed=True)} top-1 over one alone."
    yield f"Expected calibration error of the first name's probability: {alone.calibration.ece:.3f}.\n"


def _sizes(alone: Evaluation) -> Iterator[str]:
    yield "By size of the thing:\n\n| size | scenes | top-1 |\n|---|---|---|"
    for group in alone.groups:
        yield f"| {group.name} | {group.examples} | {_percent(group.accuracy)} |"
    yield ""


def _words(findings: Findings) -> Iterator[str]:
    yield _WORDS_TEXT
    yield "| the thing is called by | emoji | top-1 | top-5 |\n|---|---|---|---|"
    for part, found in findings.wordings.items():
        first, five = found.top[0].accuracy, found.top[1].accuracy
        emoji = len(found.by_class)
        yield f"| {WORDING_TITLES[part]} | {emoji} | {_percent(first)} | {_percent(five)} |"
    yield ""


def _policies(findings: Findings) -> Iterator[str]:
    yield "The shipped policies, each at its lowest action:\n"
    yield "| policy | threshold | precision | recall | false flags | ECE |\n|---|---|---|---|---|---|"
    for row in findings.policies:
        yield (
            f"| {row.policy} | {row.action} {row.threshold:g} | {_percent(row.precision)} | {_percent(row.recall)} "
            f"| {row.false} of {row.negatives:,} | {row.ece:.3f} |"
        )
    yield f"\nExpected calibration error over all of their scores: {findings.policy_ece:.4f}.\n"
    amounts = findings.amounts
    yield _POLICY_METHOD.format(positives=f"{amounts.positives:,}", negatives=f"{amounts.negatives:,}")


def _places(seen: Mapping[tuple[str, str], Seen]) -> Iterator[str]:
    if not seen:
        return
    each = next(iter(seen.values()))
    yield _PLACES_TEXT.format(about=f"{each.about:,}", harmless=f"{each.harmless:,}")
    yield "| picture | thing | found | false flags | views |\n|---|---|---|---|---|"
    for (shape, place), found in seen.items():
        false = f"{found.false} of {found.harmless:,}"
        yield f"| {shape} | {place} | {_percent(found.recall)} | {false} | {found.views_each:.2f} |"
    yield ""


def _surrounds(surrounded: Mapping[str, Seen]) -> Iterator[str]:
    if not surrounded:
        return
    yield "The same by what is around or beside a picture (`pipeline/lab/scenes/surrounds.py`):\n"
    yield "| picture | found | false flags | views |\n|---|---|---|---|"
    for name, found in surrounded.items():
        false = f"{found.false} of {found.harmless:,}"
        yield f"| {name} | {_percent(found.recall)} | {false} | {found.views_each:.2f} |"
    yield ""


def _retrieval(found: Evaluation) -> Iterator[str]:
    yield f"On {found.scored:,} images kept from training, the right caption among {found.classes:,}:\n"
    yield "| the right caption is | of the images |\n|---|---|"
    for top in found.top:  # five captions or fewer have no top-5
        yield f"| {'first' if top.k == 1 else f'among the first {top.k}'} | {_percent(top.accuracy)} |"
    yield ""
    if found.unreadable:
        yield f"{len(found.unreadable)} more were kept that could not be read.\n"


def _percent(estimate: Estimate, *, signed: bool = False) -> str:
    if math.isnan(estimate.value):
        return "nothing flagged"
    sign = "+" if signed else ""
    return f"{estimate.value:{sign}.1%} ({estimate.low:.1%} to {estimate.high:.1%})"


_EMOJI_HEAD = """# Sluice's bundled model

A small CLIP that Sluice trains itself, so that a newcomer can see the pipeline work with nothing to download. It
knows what emoji look like, in their words, and nothing else.

**It knows nothing of photographs.** On a photograph its scores mean nothing at all, neither the flags nor their
absence. For real images set `SLUICE_MODEL` and `SLUICE_PRETRAINED` to any open_clip model, for example `ViT-B-32` and
`laion2b_s34b_b79k`; nothing else changes.

`sluice card` measures every figure below again and writes this page.
"""

_SCENES = """\
A scene shows one or several of {classes} emoji of Noto Color Emoji, turned, stretched and recoloured, on
gradients, noise, stripes, shapes, lines of text and scraps of other emoji; some are small, blurred, grained, grey
or squeezed by JPEG. Captions are Unicode CLDR short names and keywords through varied templates, naming one or
several of the things. No photograph, no person's data and nobody else's weights went into it.
"""

_METHOD = """\
Fresh scenes of seeds that no run trains on, drawn at 224 px, saved as JPEG, then read, decoded and encoded by the
code that moderates (fast preprocessing, the machine's own number format). {scenes} scenes of each kind, every
emoji as often as the others; the right name among all {classes}, three templates ensembled. In brackets: 95%
intervals (Wilson).
"""

_WORDS_TEXT = """\
Words that it was not trained on. About 15% of the CLDR keywords were held out of every caption. A few of them
then stand for their emoji's name, among the names of all others:
"""

_PLACES_TEXT = """\
By the shape of the picture and the place of the thing in it: what is found of the policies' things (a quarter or 0.6
of the short side), and how many pictures of harmless things are flagged; {about} of the ones and {harmless} of the
others in each row. Scenes are those of `pipeline/lab/scenes/placed.py`.
"""
_POLICY_METHOD = """\
Each policy: {positives} scenes of its things, and {negatives} that all policies share, of every emoji in turn and
of empty clutter. What a policy is about, and what may be seen either way, is written in
`pipeline/lab/scenes/truth.py`.
"""

_EMOJI_BLIND = """\
## What it is blind to

- Photographs, drawings in other styles, other vendors' emoji, text in images, video.
- Whatever has no emoji: it answers with the nearest thing that has one. It knows a pistol only as a toy one.
- Words: names and keywords of emoji it knows, and little beyond; see the table of held-out words. Paraphrase,
  negation, counting and relations ("a man holding a knife") it was never taught.
- Small things: the table by size says how it falls; under a fifth of the frame it has seen none.
- Things turned by more than 30 degrees; hues far from the emoji's own; what only a colour tells apart, in grey.

## Licences

Glyphs: Noto Color Emoji, SIL Open Font License 1.1; the font is not included. Names and keywords: Unicode CLDR,
Unicode-DFS-2016, (c) 1991-2022 Unicode, Inc. The weights: as Sluice itself.
"""

_NOT_MEASURED = "Nothing: too few pairs that can be read were kept from training (`--held-out`).\n"

_PAIRS_BLIND = """## What it is blind to

Whatever its data, and the data of the weights it began from, do not show. Measure it on images of your own with
`sluice evaluate`, and set thresholds with `sluice policy calibrate`, before policies are enforced with it.
"""
