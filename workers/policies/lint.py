"""Puts a folder of policies to the model, with what pictures there are, for lint to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.adapters.local.neutral_pictures import neutral_pictures
from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.adapters.memory import MemoryFeatureCache, MemoryTextCache
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.data.extract import Extracted, extract
from pipeline.lab.lint.folder import Folder
from pipeline.lab.lint.places import Places
from pipeline.lab.lint.pool import Pool
from pipeline.lab.lint.registry import Told
from pipeline.lab.lint.vocabulary import Vocabulary
from pipeline.path.live import LivePolicies, PromptFeatures
from pipeline.path.pictures import Pictures
from pipeline.ports import Hooks, TextCache
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.policies.backgrounds import background_lines
from pipeline.rules.policies.files import BUILT_IN, parse_policies
from pipeline.rules.policies.lengths import TokenCounter
from workers.assembly import Model
from workers.policies.samples import no_file
from workers.settings import Settings


def made_ready(settings: Settings, model: Model, cache: TextCache | None = None) -> Folder:
    """The folder, put to the model, with the samples that its policies name; `cache` is for its sentences.

    Raises `PolicyError` where the policies do not hold.
    """
    spec, cache = model.encoder.spec, cache or MemoryTextCache()
    reading = read_policy_folder(settings.policies)
    files, counter = reading.files, TokenCounter(model.encoder.count_tokens, spec.context_length)
    policy_set = parse_policies(files, counter, reading.assets, settings.policies.as_posix())
    examples = Pictures(model.encoder, model.decoder, MemoryFeatureCache(0), neutral_pictures)
    compiled = LivePolicies(model.encoder, cache, Hooks(), examples).compiled(policy_set, reading.assets)
    phrases = dict.fromkeys((*background_lines(files[BUILT_IN].decode()), *policy_set.defaults.background))
    sentences = dict.fromkeys((*policy_set.sentences(), *phrases))
    features = PromptFeatures(model.encoder, cache).of(sentences, policy_set.defaults.templates, {})
    vocabulary = Vocabulary.of({phrase: features[phrase] for phrase in phrases})
    pool = _pool(settings, model, compiled)
    return Folder(compiled, Places(files), features, vocabulary, pool)


def _pool(settings: Settings, model: Model, compiled: CompiledPolicies) -> Pool:
    """The samples, those that can be read."""
    folder = settings.policies
    wanted: dict[str, list[str]] = {}
    for policy in compiled.policies:
        for sample in (*policy.must_flag, *policy.must_pass):
            flag = [policy.id] if sample in policy.must_flag else []
            wanted.setdefault(str(folder / sample), []).extend(flag)
    there = [path for path in wanted if no_file(Path(path)) is None]
    found = seen(model, there, settings.cores)
    must_flag = {at: wanted.get(each.name, ()) for at, each in enumerate(found.examples)}
    return Pool.of(compiled, found.signals, must_flag)


def seen(model: Model, paths: Sequence[str], threads: int) -> Extracted:
    """Pictures as a worker's stages see them; those that cannot be read are named beside them."""
    examples = [Example(path, Path(path).read_bytes) for path in paths]
    return extract(Dataset("pictures", examples, ()), model.decoder, model.encoder, threads=threads)


def as_json(folder: Folder, found: Sequence[Told]) -> dict[str, Any]:
    """What ``sluice policy lint --json`` prints."""
    return {
        "policy_set": folder.compiled.policy_set.version,
        "pictures": folder.pool.pictures if folder.pool else 0,
        "stream": folder.stream.pictures if folder.stream else 0,
        "findings": [told.as_json() for told in found],
    }
