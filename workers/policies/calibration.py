"""Takes policies to labelled images, or to reviews of the stream, and calibrates them by that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.lab.data.dataset import Dataset
from pipeline.lab.reviews.csv_file import read_reviews
from pipeline.lab.thresholds.asked import Asked
from pipeline.lab.thresholds.measure import Calibration, measure
from pipeline.ports import Hooks
from pipeline.rules.policies.policy_set import PolicySet
from pipeline.rules.reviews.settled import PolicyReviews, settle
from pipeline.rules.times import Window
from workers import assembly
from workers.settings import Settings
from workers.terminal.console import Counter, Terminal
from workers.terminal.progress import progress_bar

if TYPE_CHECKING:
    from pipeline.archive.archive import Archive, Segment

Calibrated = tuple[Calibration, Mapping[str, bytes]]
"""What was found, and the policy files that were judged by."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Which part of which archive to calibrate on, and whose word counts."""

    archive: str | None
    window: Window
    labels: Path | None
    """A CSV file of reviews; None for those that the archive keeps."""


def on_pictures(settings: Settings, dataset: Dataset, asked: Asked) -> Calibrated:
    """Calibrate on labelled images. Raises what `measure` raises."""
    judge = _judge(settings)
    compiled, model = judge.live(), judge.model
    with progress_bar(dataset.name, len(dataset.examples)) as advance:
        found = measure(
            compiled, model.encoder, model.decoder, dataset, asked, threads=settings.cores, progress=advance
        )
    return found, judge.files


def on_stream(settings: Settings, stream: Stream, policy_set: PolicySet, asked: Asked) -> Calibrated:
    """Calibrate on reviews of what the archive remembers. Raises `UsageError` where there is nothing to go by."""
    from pipeline.lab.backtest.bounds import every_score  # noqa: PLC0415 - pyarrow, where it is needed
    from pipeline.lab.backtest.engine import COLUMNS as OF_SCREEN  # noqa: PLC0415
    from pipeline.lab.reviews.found import COLUMNS, look_through  # noqa: PLC0415
    from pipeline.lab.thresholds.from_reviews import from_reviews  # noqa: PLC0415
    from workers.archive.opening import opened_archive, segments_in, segments_made_by  # noqa: PLC0415

    with opened_archive(settings, stream.archive) as archive:
        segments_in(archive, stream.window)  # that there are none is found before the model is loaded
        reviews = _reviews(archive, stream, policy_set)
        judge = _judge(settings)
        compiled, model = judge.live(), judge.model
        segments = segments_made_by(archive, stream.window, model.provenance)
        with Terminal().counting("segments", len(segments)) as counter:
            bounds = every_score(assembly.screen(settings, [compiled]), len(compiled.ids))
            columns = dict.fromkeys((*COLUMNS, *OF_SCREEN))
            blocks = archive.blocks(_counted(segments, counter), list(columns), stream.window)
            looked = look_through(blocks, compiled, reviews, bounds)
        name = f"reviews of {archive.store.address}" if stream.labels is None else str(stream.labels)
        return from_reviews(name, looked, compiled, model.encoder.spec, asked), judge.files


def _judge(settings: Settings) -> assembly.Judge:
    with Terminal().status("loading the model and the policies"):
        model = assembly.load_model(settings, one_caller=True)
        return assembly.judge(settings, model, Hooks())


def _reviews(archive: Archive, stream: Stream, policy_set: PolicySet) -> Mapping[str, PolicyReviews]:
    if stream.labels is not None:
        return settle(read_reviews(stream.labels, [policy.id for policy in policy_set.policies]))
    if found := settle(archive.reviews(Window(stream.window.since))):  # given after the decision, however late
        return found
    raise UsageError(f"the archive {archive.store.address} keeps no reviews yet; give some with --labels FILE.csv")


def _counted(segments: Sequence[Segment], counter: Counter) -> Iterator[Segment]:
    for segment in segments:
        yield segment
        counter.advance()
