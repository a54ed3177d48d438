"""Where features of sentences are kept, so that no process asks the model for what another has asked before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.ports import Hooks, TextCache
from workers.settings import Settings

if TYPE_CHECKING:
    from pipeline.adapters.redis import RedisConnection


def text_cache(settings: Settings, hooks: Hooks | None = None, redis: RedisConnection | None = None) -> TextCache:
    """Redis where one is given, else the folder for the state, else this process's own memory."""
    if redis is not None:
        from pipeline.adapters.redis import RedisTextCache

        return RedisTextCache(redis, hooks=hooks)
    if settings.state is not None:
        from pipeline.adapters.local.text_cache import DiskTextCache

        return DiskTextCache(settings.state, hooks)
    from pipeline.adapters.memory import MemoryTextCache

    return MemoryTextCache(hooks)
