"""An archive of a chosen size in a folder of its own, by the archive's own writer: features that chance drew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from msgspec.structs import replace
from numpy.typing import NDArray

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from pipeline.archive.coarse import Coarse
from pipeline.archive.rows import Kept, table_of
from pipeline.archive.segments import segment_bytes
from pipeline.rules.archive.names import Group, SegmentName, day_of
from pipeline.rules.archive.remembered import HALF
from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.signals import WHOLE, Features, regions_of
from pipeline.wire import Decision, FeaturesRecord, Match, ModelRef, SourceRef, rfc3339

DIMENSION = 512
"""D of ViT-B-32."""
SCALE = 100.0
"""Its logit scale."""
BACKGROUND = 1_500
"""Lines, as many as the shipped one has."""
PROMPTS, UNLESS = 20, 10
"""Sentences of the policy that is edited."""
WORDS = 3
"""Sentences that are searched for."""
SEGMENT = 65_536
"""Rows of a segment."""
FLAGGED = 100
"""One event in so many was flagged when it was decided."""
POLICIES = 12
"""Of which each decision has scores."""
DAY = 86_400.0
_NOON = 1_790_000_000.0
_MADE_BY = ModelRef("bench", "bench", "float32")


@dataclass(frozen=True)
class Made:
    """An archive, and the policies that can be put to it."""

    archive: Archive
    folder: Path
    rows: int
    edited: CompiledPolicies
    """One policy of 30 sentences, whose background's log-sum-exp is stored."""
    anew: CompiledPolicies
    """A set of `POLICIES` such policies, with a background that nothing is stored of."""


@contextmanager
def made(rows: int, progress: Callable[[int], object], inside: Path | None = None) -> Iterator[Made]:
    """Write an archive of that many images of one view each, and remove it at the end. Takes 1.8 KB a row.

    It lies in a new folder inside that one; without, where temporary files are.
    """
    policies = edited()
    other = Defaults(background=tuple(f"other {each}" for each in _background()))
    anew = _compiled([f"policy-{number}" for number in range(POLICIES)], other)
    with TemporaryDirectory(prefix="sluice-bench-", dir=inside) as folder:
        store = FolderStore(Path(folder))
        writer = _Writer(store, policies, min(SEGMENT, rows))
        for start in range(0, rows, SEGMENT):
            count = min(SEGMENT, rows - start)
            writer.write(start, count)
            progress(count)
        yield Made(Archive(store), Path(folder), rows, policies, anew)


def edited() -> CompiledPolicies:
    """The policy that is edited."""
    return _compiled(("edited",), Defaults(background=_background()))


def asked_for() -> CompiledPolicies:
    """What is searched for, beside the background that is stored."""
    return _compiled(("searched",), Defaults(background=_background()), prompts=WORDS, unless=0)


def _background() -> tuple[str, ...]:
    return tuple(f"thing {number}" for number in range(BACKGROUND))


def _compiled(
    policies: Sequence[str], defaults: Defaults, prompts: int = PROMPTS, unless: int = UNLESS
) -> CompiledPolicies:
    made_of = tuple(
        Policy(
            name,
            name,
            tuple(f"{name} {number}" for number in range(prompts)),
            {"review": 0.5, "block": 0.9},
            tuple(f"not {name} {number}" for number in range(unless)),
            version=name,
        )
        for name in policies
    )
    policy_set = PolicySet(made_of, defaults)
    words = {each: _direction(np.random.default_rng(list(each.encode())), 1)[0] for each in policy_set.sentences()}
    return compile_policies(policy_set, words, SCALE, None)


def _direction(rng: np.random.Generator, count: int) -> Features:
    drawn = rng.standard_normal((count, DIMENSION), np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


class _Writer:
    """Writes segments that differ in features, records and days alone: their decisions are made once."""

    def __init__(self, store: FolderStore, stored: CompiledPolicies, most: int) -> None:
        self._store = store
        self._rows = table_of(_kept(most, stored.background))
        head = stored.prompts
        self._lines = np.ascontiguousarray((head.texts[head.background > 0] * np.float32(SCALE)).T)

    def write(self, start: int, count: int) -> None:
        """A segment of so many rows, from that record on."""
        features = _direction(np.random.default_rng(start), count).astype(HALF)
        when = _NOON + DAY * (start // SEGMENT % 30)
        rows = self._rows.slice(0, count)
        of = rows.schema.field("features").type
        moment = pa.scalar(round(when * 1000), rows.schema.field("decided_at").type)
        data = [None, pa.py_buffer(np.ascontiguousarray(features))]
        for name, column in (
            ("record", pa.array(np.arange(start, start + count))),
            ("features", pa.FixedSizeBinaryArray.from_buffers(of, count, data)),
            ("background_lse", pa.array(self._log_sum(features))),
            *Coarse.of(features).columns().items(),
            ("event_time", pa.repeat(moment, count)),
            ("decided_at", pa.repeat(moment, count)),
        ):
            rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), column)
        segment = SegmentName(Group(_MADE_BY.fingerprint, "bench", day_of(rfc3339(when))), "bench", 0, start)
        self._store.create(segment.path, segment_bytes(segment, rows, start + count))

    def _log_sum(self, features: NDArray[np.float16]) -> Features:
        logits = features.astype(np.float32) @ self._lines
        highest = logits.max(axis=1)
        np.exp(np.subtract(logits, highest[:, np.newaxis], out=logits), out=logits)
        return np.asarray(highest + np.log(logits.sum(axis=1)), np.float32)


def _kept(count: int, background: str) -> list[Kept]:
    """Records of so many events, with features of nothing."""
    scores = np.random.default_rng(0).random((count, POLICIES)).round(6)
    template = _record(background, rfc3339(_NOON))
    nothing = bytes(DIMENSION * HALF.itemsize)
    return [
        Kept(at, replace(template, decision=_decision(template.decision, at, scores[at]), features=nothing))
        for at in range(count)
    ]


def _decision(template: Decision, number: int, scores: np.ndarray) -> Decision:
    flagged = number % FLAGGED == 0
    match = Match("edited", "edited", "review", 0.75, 0.5, "edited 0", 0.5)
    return replace(
        template,
        event_id=f"{number * 2654435761 % 2**64:032x}",
        decision_id=f"{number * 40503 % 2**64:032x}",
        image_id=f"image-{number}",
        content_sha256=f"{number * 11400714819323198485 % 2**256:064x}",
        source=SourceRef("bench", 0, number),
        verdict="review" if flagged else "allow",
        matches=[match] if flagged else [],
        scores={f"policy-{at}": score for at, score in enumerate(scores.tolist())},
    )


def _record(background: str, when: str) -> FeaturesRecord:
    decision = Decision(
        decision_id="",
        image_id="",
        content_sha256="",
        source=SourceRef("bench", 0, 0),
        verdict="allow",
        policy_set="bench",
        model=_MADE_BY,
        preprocess="bench",
        frames=1,
        event_time=when,
        decided_at=when,
    )
    return FeaturesRecord(
        decision=decision,
        dimension=DIMENSION,
        features=b"",
        regions=regions_of([WHOLE]).tobytes(),
        first_look=1,
        background=background,
    )
