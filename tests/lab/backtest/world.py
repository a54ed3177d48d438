"""Policies and images that chance draws, decided by the worker's own stage and kept as its archiver keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.adapters.local.store import FolderStore
from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import TOGETHER, Archive
from pipeline.items import Batch, Item
from pipeline.lab.backtest.bounds import LookAtAll, Screen
from pipeline.lab.backtest.engine import COLUMNS, Engine, Question
from pipeline.lab.backtest.record import Asked, Record
from pipeline.lab.backtest.whole import whole
from pipeline.path.decide import Decide
from pipeline.ports import Store
from pipeline.rules.archive.remembered import as_kept, remembered
from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.policies.assets import NO_ASSETS, Assets
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet, policy_version
from pipeline.signals import WHOLE, Closer, Features, Signals, regions_of
from pipeline.wire import Decision, Event, FeaturesRecord
from tests.archive.made import MADE_BY, NOON, keep

DAY = 86_400.0
DIMENSION = 16
ASKED = Asked(
    archive="memory", model="tiny", fingerprint="f00d", preprocess="fast-64", policies="p", policy_set="", nearest=3
)


@dataclass(frozen=True)
class Model:
    """What sentences mean to a model that nobody trained: directions that chance draws, by the sentence."""

    scale: float = 12.0
    bias: float | None = None
    seed: int = 0

    def compiled(self, policy_set: PolicySet, assets: Assets = NO_ASSETS) -> CompiledPolicies:
        words = {each: self.direction(each) for each in policy_set.sentences()}
        return compile_policies(policy_set, words, self.scale, self.bias, assets)

    def direction(self, sentence: str) -> Features:
        """A sentence that ends in ``~`` is close to the one without it."""
        stem = sentence.rstrip("~")
        drawn = np.random.default_rng([self.seed, *stem.encode()]).normal(size=DIMENSION)
        if sentence != stem:
            drawn += 0.2 * np.random.default_rng([self.seed, *sentence.encode()]).normal(size=DIMENSION)
        return np.asarray(drawn / np.linalg.norm(drawn), np.float32)


def policy(name: str, prompts: Sequence[str], actions: Mapping[str, float], **fields: object) -> Policy:
    return Policy(name, name.title(), tuple(prompts), actions, **fields)  # type: ignore[arg-type]


def folder(policies: Sequence[Policy], background: Sequence[str] = (), **defaults: object) -> PolicySet:
    """A set as its files would make it, with versions."""
    shared = Defaults(background=tuple(background), **defaults)  # type: ignore[arg-type]
    return PolicySet(tuple(replace(each, version=policy_version(each, shared)) for each in policies), shared)


def images(
    count: int,
    rng: np.random.Generator,
    toward: Sequence[Features] = (),
    *,
    views: Sequence[int] = (1,),
    closer: float = 0.0,
) -> list[Signals]:
    """That many images, of which many look like one of the features; a share of them has had a second look."""
    made = []
    for number in range(count):
        first = _signals(views[number % len(views)], rng, toward)
        if rng.random() < closer:
            again = _signals(4, rng, toward)
            looks: tuple[str, ...] = ("90", "180", "270", "mirrored")
            bar = float(rng.choice([0.9, 0.97]))
            seen = Closer(again.features, again.regions, MADE_BY, turned=looks, bar=bar)  # type: ignore[arg-type]
            first = replace(first, closer=seen)
        made.append(first)
    return made


def _signals(views: int, rng: np.random.Generator, toward: Sequence[Features]) -> Signals:
    rows = rng.normal(size=(views, DIMENSION))
    if len(toward) and rng.random() < 0.7:
        rows = rows * rng.uniform(0.05, 1) + 4 * np.asarray(toward)[rng.integers(len(toward), size=views)]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Signals(as_kept(rows.astype(np.float32)), regions_of([WHOLE] * views), MADE_BY)


def decide(shown: Sequence[Signals], compiled: CompiledPolicies, *, day: int = 0, first: int = 0) -> list[Decision]:
    """What a worker decides of them, in batches as they happen to come."""
    decisions: list[Decision] = []
    decide = Decide(lambda: compiled, lambda: NOON + day * DAY + 0.5)
    at = 0
    while at < len(shown):
        size = 1 + (first + at) % 7
        items = [
            Item(
                Event("sluice.images.v1", 0, first + number, b"%d" % number, b"x", (), NOON),
                content_sha256=signals.content_sha256,
                signals=signals,
            )
            for number, signals in enumerate(shown[at : at + size], at)
        ]
        decided = decide(Batch(items))
        assert all(item.failure is None for item in decided.items)
        decisions += [item.decision for item in decided.items if item.decision is not None]
        at += size
    return decisions


def records(
    shown: Sequence[Signals], compiled: CompiledPolicies, decisions: Sequence[Decision], *, stored: bool = True
) -> list[FeaturesRecord]:
    """What the archive is sent; `stored` says whether with the background's log-sum-exp."""
    made = []
    for signals, decision in zip(shown, decisions, strict=True):
        digest, lse = background_of(signals, compiled) if stored else ("", None)
        made.append(remembered(decision, signals, background=digest, background_lse=lse))
    return made


def background_of(signals: Signals, compiled: CompiledPolicies) -> tuple[str, np.ndarray | None]:
    from pipeline.rules.archive.backgrounds import background_digest

    head, defaults = compiled.prompts, compiled.policy_set.defaults
    if head.logit_bias is not None or not defaults.background or not compiled.policies:
        return "", None
    lines = np.array([head.texts[head.sentences.index(line)] for line in defaults.background], np.float64)
    looks = [signals.features] if signals.closer is None else [signals.features, signals.closer.features]
    logits = np.concatenate(looks).astype(np.float64) @ lines.T * head.logit_scale
    highest = logits.max(axis=1, keepdims=True)
    lse = (highest[:, 0] + np.log(np.exp(logits - highest).sum(axis=1))).astype(np.float32)
    return background_digest(defaults), lse


def archived(*days: Sequence[FeaturesRecord], at: Path | None = None) -> Archive:
    """An archive with a segment for each of these, in memory or in a folder."""
    store: Store = MemoryStore() if at is None else FolderStore(at)
    start = 0
    for made in days:
        keep(store, made, start=start)
        start += len(made)
    return Archive(store)


def asked(archive: Archive, question: Question, screen: Screen | None = None) -> tuple[Record, Engine]:
    """Everything that is archived, through the engine."""
    engine, segments = Engine(question, screen or LookAtAll(question.sets)), archive.segments()
    for block in archive.blocks(segments, COLUMNS, mapped=TOGETHER):
        engine.take(block)
    return whole(engine, archive, ASKED, segments=len(segments)), engine
