"""An archive of a chosen size in a folder of its own, by the archive's own writer: features that chance drew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from msgspec.structs import replace

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from pipeline.archive.rows import Kept
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
    """Write an archive of that many images of one view each, and remove it at the end. Takes 1.2 KB a row.

    It lies in a new folder inside that one; without, where temporary files are.
    """
    policies = edited()
    other = Defaults(background=tuple(f"other {each}" for each in _background()))
    anew = _compiled([f"policy-{number}" for number in range(POLICIES)], other)
    with TemporaryDirectory(prefix="sluice-bench-", dir=inside) as folder:
        store = FolderStore(Path(folder))
        for start in range(0, rows, SEGMENT):
            count = min(SEGMENT, rows - start)
            _write(store, start, count, policies)
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


def _write(store: FolderStore, start: int, count: int, stored: CompiledPolicies) -> None:
    rng = np.random.default_rng(start)
    features = _direction(rng, count).astype(HALF)
    head = stored.prompts
    lines = head.texts[head.background > 0]
    logits = features.astype(np.float32) @ (lines * np.float32(SCALE)).T
    highest = logits.max(axis=1)
    lse = (highest + np.log(np.exp(logits - highest[:, np.newaxis]).sum(axis=1))).astype("<f4")
    scores = rng.random((count, POLICIES)).round(6)
    when = rfc3339(_NOON + DAY * (start // SEGMENT % 30))
    name = SegmentName(Group(_MADE_BY.fingerprint, "bench", day_of(when)), "bench", 0, start)
    template = _record(stored.background, when)
    kept = [
        Kept(
            start + at,
            replace(
                template,
                decision=_decision(template.decision, start + at, scores[at]),
                features=features[at].tobytes(),
                background_lse=lse[at : at + 1].tobytes(),
            ),
        )
        for at in range(count)
    ]
    store.create(name.path, segment_bytes(name, kept, start + count))


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
