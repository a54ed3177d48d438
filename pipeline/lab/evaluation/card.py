"""The model card beside the weights: what the model is, how it was trained, what was measured, its blind spots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.lab.evaluation import card_texts as texts
from pipeline.lab.evaluation.by_hand import HandRow
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
    hands: Sequence[HandRow] = (),
) -> None:
    """The card of a model trained on rendered scenes.

    `seen` has a row for each shape of picture and place of the thing in it, `surrounded` one for pictures as they are
    and one for each of `SURROUNDS`, `hands` one for each hand that it was measured in.
    """
    alone = findings.kinds["alone"]
    text = "\n".join(
        [
            texts.head(folder.name, record),
            *_what_it_is(folder, record),
            *_how_it_was_trained(record, texts.scenes(alone.classes, record)),
            "## What was measured\n",
            texts.METHOD.format(
                scenes=f"{alone.scored:,}", classes=f"{alone.classes:,}", preprocess=findings.preprocess
            ),
            *_kinds(findings),
            *_sizes(alone),
            *_hands(hands),
            *_words(findings),
            *_policies(findings),
            *_places(seen or {}),
            *_surrounds(surrounded or {}),
            texts.blind(record),
            texts.licences(record),
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
            *(_retrieval(held_out) if held_out else [texts.NOT_MEASURED]),
            texts.PAIRS_BLIND,
        ]
    )
    write_text(folder / CARD_FILE, text)


def _what_it_is(folder: Path, record: TrainingRecord) -> Iterator[str]:
    size = sum(path.stat().st_size for path in folder.iterdir() if path.name != CARD_FILE and path.is_file())
    yield "## What it is\n"
    yield f"- open_clip's CLIP, begun from {record.began_from}; its shape is in `open_clip_config.json`."
    yield f"- {record.parameters:,} parameters; the folder holds {size:,} bytes beside this card."
    how = "the note below says how" if record.note else "by temperature scaling"
    fitted = f"fitted afterwards on held-out scenes; {how}" if record.scale_was_fitted else "as trained"
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


def _hands(rows: Sequence[HandRow]) -> Iterator[str]:
    if not rows:
        return
    yield texts.HANDS
    yield "| drawn by | learned from | top-1 | top-5 | ECE | precision | recall |\n|---|---|---|---|---|---|---|"
    for row in rows:
        first, five = (_percent(top.accuracy) for top in row.named.top[:2])
        ece, learned = row.named.calibration.ece, "yes" if row.learned else "never"
        policies = f"{_percent(row.precision)} | {_percent(row.recall)}"
        yield f"| {row.hand} | {learned} | {first} | {five} | {ece:.3f} | {policies} |"
    yield ""


def _words(findings: Findings) -> Iterator[str]:
    yield texts.WORDS
    yield "| the thing is called by | emoji | top-1 | top-5 |\n|---|---|---|---|"
    for part, found in findings.wordings.items():
        first, five = found.top[0].accuracy, found.top[1].accuracy
        emoji = len(found.by_class)
        yield f"| {WORDING_TITLES[part]} | {emoji} | {_percent(first)} | {_percent(five)} |"
    yield ""


def _policies(findings: Findings) -> Iterator[str]:
    yield "The policies whose things are known (`pipeline/lab/scenes/truth.py`), each at its lowest action:\n"
    yield "| policy | threshold | precision | recall | false flags | ECE |\n|---|---|---|---|---|---|"
    for row in findings.policies:
        yield (
            f"| {row.policy} | {row.action} {row.threshold:g} | {_percent(row.precision)} | {_percent(row.recall)} "
            f"| {row.false} of {row.negatives:,} | {row.ece:.3f} |"
        )
    yield f"\nExpected calibration error over all of their scores: {findings.policy_ece:.4f}.\n"
    amounts = findings.amounts
    yield texts.POLICY_METHOD.format(positives=f"{amounts.positives:,}", negatives=f"{amounts.negatives:,}")


def _places(seen: Mapping[tuple[str, str], Seen]) -> Iterator[str]:
    if not seen:
        return
    each = next(iter(seen.values()))
    yield texts.PLACES.format(about=f"{each.about:,}", harmless=f"{each.harmless:,}")
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
