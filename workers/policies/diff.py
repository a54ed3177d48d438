"""What an edit of policies would do to the archived stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.rules.times import Window
from workers.settings import Settings

if TYPE_CHECKING:
    from pipeline.lab.backtest.record import Record
    from pipeline.lab.reviews.reviewed import Reviewed

NEAREST = 5
"""Images that are told of, of those that are new or let go."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the archive says."""

    record: Record
    reviews: Mapping[str, Reviewed]

    def as_json(self) -> Any:
        """The same object as that of ``sluice backtest --json``."""
        from pipeline.lab.backtest.record_json import record_json  # noqa: PLC0415 - as below

        return json.loads(record_json(self.record, self.reviews))


def numbers(settings: Settings, archive: str, old: Path, new: Path, window: Window) -> Numbers:
    """Judge the archive by both folders. Raises what `answered` raises."""
    from workers.archive.opening import opened_archive  # noqa: PLC0415 - pyarrow, where there is an archive
    from workers.backtest.answer import Subject, answered  # noqa: PLC0415

    with opened_archive(settings, archive) as found:
        answer = answered(settings, found, Subject(new, old, window, None, NEAREST))
    return Numbers(answer.record, answer.reviews)
