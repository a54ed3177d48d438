"""What turns an image into a decision: a model, the policies that are live, and the images it remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from pipeline.adapters.local.last_good import LastGood
from pipeline.adapters.local.neutral_pictures import neutral_pictures
from pipeline.adapters.local.policy_folder import Reading
from pipeline.adapters.memory import MemoryFeatureCache, MemoryTextCache
from pipeline.adapters.memory.tiered import TieredFeatureCache
from pipeline.path.live import LivePolicies
from pipeline.path.pictures import Pictures
from pipeline.ports import FeatureCache, Hooks, TextCache
from workers.assembly.model import Model
from workers.assembly.texts import text_cache
from workers.policies.first import offer_first
from workers.settings import Settings

if TYPE_CHECKING:
    from pipeline.adapters.redis import RedisConnection


@dataclass(frozen=True)
class Judge:
    """A model with policies put to it."""

    model: Model
    reading: Reading
    """The policy files that went live first, and what they name beside themselves."""
    live: LivePolicies
    features: FeatureCache

    @property
    def files(self) -> Mapping[str, bytes]:
        """The policy files that went live first."""
        return self.reading.files


def judge(
    settings: Settings,
    model: Model,
    hooks: Hooks,
    texts: TextCache | None = None,
    features: FeatureCache | None = None,
    last_good: LastGood | None = None,
) -> Judge:
    """Put the policies to the model; without `features`, those of images are kept in memory alone.

    Features of sentences are in `texts`, or where `text_cache` says. Raises `PolicyError` when the policies do not
    hold, and there is no `last_good` set that does.
    """
    features = MemoryFeatureCache(settings.remember) if features is None else features
    live = _live(model, texts or text_cache(settings), hooks, features)
    with threadpool_limits(1, user_api="blas"):  # type: ignore[no-untyped-call]  # as in `moderator`
        reading = offer_first(settings, live, hooks, last_good)
    hooks.model_loaded(model.encoder.spec)
    return Judge(model, reading, live, features)


def judge_by(reading: Reading, model: Model, texts: TextCache | None = None) -> Judge:
    """Put a policy set that was read so to the model, such as one that was live once; no image is remembered.

    Features of sentences are kept in memory where no cache is given. Raises `PolicyError` when they do not hold.
    """
    features = MemoryFeatureCache(0)
    live = _live(model, texts or MemoryTextCache(), Hooks(), features)
    with threadpool_limits(1, user_api="blas"):  # type: ignore[no-untyped-call]  # as in `moderator`
        live.offer(reading.files, reading.assets)
    return Judge(model, reading, live, features)


def _live(model: Model, texts: TextCache, hooks: Hooks, features: FeatureCache) -> LivePolicies:
    from pipeline.adapters.pillow.pdq import INSTALL, pdq_installed

    pictures = Pictures(model.encoder, model.decoder, features, neutral_pictures)
    return LivePolicies(model.encoder, texts, hooks, pictures, without_pdq="" if pdq_installed() else INSTALL)


def build_feature_cache(
    settings: Settings, model: Model, redis: RedisConnection | None, hooks: Hooks
) -> FeatureCache:
    """The memory of this process, and behind it Redis where features of images are shared."""
    memory = MemoryFeatureCache(settings.remember)
    if redis is None or not settings.share_image_features:
        return memory
    from pipeline.adapters.redis import RedisFeatureCache

    # The limits count as well: what one worker refuses as too large must not be recalled from one that took it.
    limits = f"{settings.max_frames}frames-{settings.max_pixels}px-{settings.max_views}views"
    keep, spec = settings.image_features_ttl, model.encoder.spec
    shared = RedisFeatureCache(
        redis, spec, model.provenance, limits=limits, max_views=settings.max_views, keep=keep, hooks=hooks
    )
    return TieredFeatureCache(memory, shared)
