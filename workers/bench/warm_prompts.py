"""What a start costs where Redis knows every prompt: from connecting to it to policies that can score."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from uuid import uuid4

from threadpoolctl import threadpool_limits

from pipeline.adapters.memory import NullEncoder
from pipeline.adapters.redis import RedisConnection, RedisTextCache, text_key
from pipeline.errors import ServiceError, UsageError
from pipeline.path.live import LivePolicies
from pipeline.ports import Encoder, EncoderSpec, Hooks
from pipeline.rules.heads.ensembles import digest
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.policy_set import PolicySet
from workers import services
from workers.settings import Settings

PROMPTS = 1_000
POLICIES, EACH = 10, 20
"""The policies, and the prompts of each; the rest of `PROMPTS` is background, as in real policy sets."""
FEATURES = 512
"""D of ViT-B-32."""
ROUNDS = 20
PATIENCE = 30.0
"""Seconds that one call may take: many, as how long it takes is what is measured."""
KEEP = 600.0
"""Seconds after which the keys of a bench that was killed are gone."""


@dataclass(frozen=True, slots=True)
class WarmPrompts:
    """Seconds. Nothing of them is the model's: its forward pass is not needed and not made."""

    prompts: int
    ready: float
    """The best of `ROUNDS`, from connecting to compiled policies: connect, fetch, check, lay out as matrices."""
    parse: float
    """For parsing the text of the same policies, which is done before and is no part of `ready`."""


def warm_prompts(settings: Settings) -> WarmPrompts:
    """Write random features of 1,000 prompts into the settings' Redis, measure, and delete them.

    Raises `UsageError` where the settings name no Redis, and `ServiceError` when it does not give them back.
    """
    connection = services.redis_connection(settings, budget=PATIENCE)
    if connection is None:
        raise UsageError("there is no Redis to measure; give one with --redis-url")
    started = time.perf_counter()
    policy_set = parse_policies(_files())
    parse = time.perf_counter() - started
    encoder = NullEncoder(_spec())
    with closing(connection):
        try:
            _compile(connection, encoder, policy_set)  # none is known yet: all are encoded and written
            with threadpool_limits(1, user_api="blas"):  # type: ignore[no-untyped-call]  # as a worker starts
                rounds = [_round(settings, encoder, policy_set) for _ in range(ROUNDS)]
        finally:
            connection.delete(_keys(encoder.spec.fingerprint, policy_set))
    warm = [seconds for seconds in rounds if seconds is not None]
    if not warm:
        raise ServiceError(f"Redis gave {PROMPTS:,} prompts back in none of {ROUNDS} rounds; is it up, and not full?")
    return WarmPrompts(PROMPTS, min(warm), parse)


class _Hits(Hooks):
    count = 0

    def text_cache(self, result: str, count: int) -> None:
        if result == "hit":
            self.count += count


def _round(settings: Settings, encoder: Encoder, policy_set: PolicySet) -> float | None:
    """Seconds from connecting to ready; None if Redis did not know all prompts."""
    started = time.perf_counter()
    connection = services.redis_connection(settings, budget=PATIENCE)
    if connection is None:
        return None
    with closing(connection):
        hits = _compile(connection, encoder, policy_set)
        seconds = time.perf_counter() - started
    return seconds if hits == PROMPTS else None


def _compile(connection: RedisConnection, encoder: Encoder, policy_set: PolicySet) -> int:
    """Compile the policies, and return how many prompts Redis knew."""
    hits = _Hits()
    LivePolicies(encoder, RedisTextCache(connection, keep=KEEP, hooks=hits), Hooks()).compiled(policy_set)
    return hits.count


def _files() -> dict[str, bytes]:
    """A folder of policies, as a policy writer would have it."""
    sentences = [f"a photograph of thing number {number} beside another" for number in range(PROMPTS)]
    files = {
        "_defaults.yaml": 'templates: ["a photo of {}.", "a picture of {}.", "{}"]\nbackground: _background.txt\n'
    }
    for policy in range(POLICIES):
        prompts = "".join(f"  - {each}\n" for each in sentences[policy * EACH : (policy + 1) * EACH])
        files[f"p{policy}.yaml"] = f"title: Policy {policy}\nprompts:\n{prompts}actions:\n  review: 0.5\n"
    files["_background.txt"] = "\n".join(sentences[POLICIES * EACH :])
    return {name: text.encode() for name, text in files.items()}


def _spec() -> EncoderSpec:
    """A model of which nothing counts but its number of features, under a fingerprint that no worker has."""
    return EncoderSpec(
        name="bench",
        fingerprint=f"bench-{uuid4().hex[:16]}",
        dtype="float32",
        image_size=(224, 224),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        interpolation="bicubic",
        resize_mode="shortest",
        features=FEATURES,
        context_length=77,
        logit_scale=100.0,
        logit_bias=None,
    )


def _keys(fingerprint: str, policy_set: PolicySet) -> list[str]:
    templates = policy_set.defaults.templates
    return [text_key(fingerprint, digest(sentence, templates)) for sentence in policy_set.sentences()]
