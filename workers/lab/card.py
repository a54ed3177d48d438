"""Measures a trained model by the parts that moderate, and writes its card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from pipeline.adapters.local.neutral_pictures import neutral_pictures
from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.adapters.memory import MemoryFeatureCache, MemoryTextCache
from pipeline.adapters.open_clip import BUNDLED_MODEL
from pipeline.disk import read_bytes
from pipeline.errors import UsageError
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.data.dataset_files import file_name
from pipeline.lab.data.extract import extract
from pipeline.lab.data.pairs import Pair
from pipeline.lab.evaluation.by_hand import measure_hands
from pipeline.lab.evaluation.card import CARD_FILE, write_emoji_card, write_pairs_card
from pipeline.lab.evaluation.coverage import measure_coverage, measure_surrounds, pooled
from pipeline.lab.evaluation.evaluate import Evaluation, evaluate
from pipeline.lab.evaluation.findings import Amounts, Findings, Subject, measure
from pipeline.lab.evaluation.findings import Progress as Told
from pipeline.lab.evaluation.temperature import fit_scale
from pipeline.lab.evaluation.zero_shot import encode_classes
from pipeline.lab.hands.shown import Shown, shown_by
from pipeline.lab.scenes.emoji import SYMBOLA_PATHS, Atlas
from pipeline.lab.scenes.placed import spots
from pipeline.lab.training.record import TrainingRecord
from pipeline.lab.training.run import SCENES_DATA
from pipeline.lab.training.trainer import Trainer
from pipeline.path.live import LivePolicies
from pipeline.path.pictures import Pictures
from pipeline.ports import Hooks
from pipeline.rules.policies.files import parse_policies
from workers import assembly
from workers.settings import Settings
from workers.terminal.console import Terminal
from workers.terminal.plain import say
from workers.terminal.progress import progress_bar

CAPTION_AS_IT_IS = ("{}",)
SCENES_OF_A_SPOT = 82
"""For this many scenes of each kind, one is measured of each place, size and shape."""
SPOT_SIZES = (0.6, 0.25)


def amounts(scenes: int) -> Amounts:
    """How much is measured for `scenes` scenes of each kind, in the proportions of the default."""
    whole = Amounts()
    part = scenes / whole.scenes
    return Amounts(
        scenes=scenes,
        each_word=max(1, round(whole.each_word * part)),
        positives=max(8, round(whole.positives * part)),
        negatives=max(40, round(whole.negatives * part)),
    )


@dataclass(frozen=True)
class Drawings:
    """Whose drawings a model of scenes is measured on."""

    font: Path | None = None
    hands: tuple[Path, ...] = ()
    """Folders of drawings, or fonts of outlines: a row of the card's table by hand each."""

    def shown(self) -> list[Shown]:
        """The hands, whatever is left out of them named. Raises `UsageError`."""
        hands = [shown_by(path) for path in self.hands]
        for hand in hands:
            for problem in hand.left_out:
                say(f"left out: {problem}", err=True)
        return hands


def fit_logit_scale(
    settings: Settings, folder: Path, trainer: Trainer, scenes: int, drawings: Drawings
) -> float | None:
    """Fit the scale on held-out scenes by all hands, write the weights again with it, and return it.

    None, and nothing written, for a model with a bias: its sigmoids are no softmax over the lexicon.
    """
    if getattr(trainer.model, "logit_bias", None) is not None:
        return None
    with _subject(settings, folder, drawings.font) as subject:
        scale = fit_scale(subject, scenes, [shown_by(path) for path in drawings.hands])
    trainer.set_logit_scale(scale)
    trainer.export(folder)
    return scale


def measure_again(settings: Settings, folder: Path | None, scenes: int, drawings: Drawings) -> str:
    """Write the card of a finished model anew, the bundled one's without a folder; says how well it does.

    Raises `UsageError` for a model that learned from something else than rendered scenes.
    """
    where = folder or BUNDLED_MODEL
    record = TrainingRecord.read(where)
    if record.data != SCENES_DATA:
        raise UsageError(f"{where} learned from {record.data}: measure it with `sluice evaluate`")
    said = write_for_scenes(settings, where, record, amounts(scenes), drawings)
    return f"{said} The whole card is in {where / CARD_FILE}"


def write_for_scenes(
    settings: Settings, folder: Path, record: TrainingRecord, how_much: Amounts, drawings: Drawings
) -> str:
    """Measure a model of rendered scenes, write its card, and say in one sentence how well it does."""
    hands = drawings.shown()
    with _subject(settings, folder, drawings.font) as subject:
        pictures = Pictures(subject.encoder, subject.decoder, MemoryFeatureCache(0), neutral_pictures)
        policies = LivePolicies(subject.encoder, MemoryTextCache(), Hooks(), pictures)
        # Not offered: a model that has learned little yet flags everything, and is measured all the same.
        reading = read_policy_folder(settings.policies)
        policy_set = parse_policies(reading.files, assets=reading.assets)
        compiled = policies.compiled(policy_set, reading.assets)
        symbola = next((path for path in SYMBOLA_PATHS if path.is_file()), None)
        findings = measure(subject, compiled, how_much, symbola)
        each = max(1, how_much.scenes // SCENES_OF_A_SPOT)
        counts = measure_coverage(subject, compiled, each, spots(sizes=SPOT_SIZES))
        surrounded = measure_surrounds(subject, compiled, max(2, 4 * each))
        by_hand = measure_hands(subject, compiled, how_much, hands, record.hands_known_by)
    seen = pooled(counts, lambda spot: (spot.shape, spot.place))
    write_emoji_card(folder, record, findings, seen, surrounded, by_hand)
    return _summary(findings)


def _summary(findings: Findings) -> str:
    alone = findings.kinds["alone"]
    first, five = (top.accuracy.value for top in alone.top[:2])
    return f"Zero-shot among {alone.classes:,} names: {first:.1%} right at once, {five:.1%} within five."


def write_for_pairs(settings: Settings, folder: Path, record: TrainingRecord, pairs: Sequence[Pair]) -> str:
    """Measure a model on pairs it was not trained on, write its card, and say in one sentence how well it does."""
    found = _retrieval(settings, folder, pairs) if len({pair.caption for pair in pairs}) > 1 else None
    write_pairs_card(folder, record, found)
    if found is None:
        return "Not tested: too few pairs that can be read were kept from training."
    first = found.top[0].accuracy.value
    return f"The right caption of {found.classes:,} came first for {first:.1%} of {found.scored:,} held-out images."


def _retrieval(settings: Settings, folder: Path, pairs: Sequence[Pair]) -> Evaluation | None:
    """Each held-out image against all held-out captions; None where not one can be read."""
    captions: dict[Path, list[str]] = {}
    for pair in pairs:
        captions.setdefault(pair.image, []).append(pair.caption)
    examples = [
        Example(file_name(image.name), partial(read_bytes, str(image)), tuple(dict.fromkeys(texts)))
        for image, texts in captions.items()
    ]
    dataset = Dataset("held-out pairs", examples, tuple(dict.fromkeys(pair.caption for pair in pairs)))
    model = assembly.load_model(_of(settings, folder), one_caller=True)
    texts = encode_classes(model.encoder, dataset.classes, CAPTION_AS_IT_IS)
    with progress_bar(dataset.name, len(examples)) as advance:
        extracted = extract(dataset, model.decoder, model.encoder, threads=settings.cores, progress=advance)
    if not extracted.examples:
        return None
    return evaluate(dataset, extracted, texts, CAPTION_AS_IT_IS, model.encoder.spec)


def _of(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(update={"model": f"local-dir:{folder}", "pretrained": None})


@contextmanager
def _subject(settings: Settings, folder: Path, font: Path | None) -> Iterator[Subject]:
    model = assembly.load_model(_of(settings, folder), one_caller=True)
    with _bars() as told:
        yield Subject(model.encoder, model.decoder, Atlas.build(font), settings.cores, told)


@contextmanager
def _bars() -> Iterator[Told]:
    """A bar on stderr for each thing that is measured, where that is a terminal."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Terminal().progress(*columns, transient=False) as bars:
        tasks = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield told
