"""How names tell a topic from one of that name that was deleted before it was made.

Both have a record 0, and "all records from 0 up to 1000 are kept" must not be believed of the wrong one: what is new
would be taken for what was kept, and be lost. So names have the topic's id in them where the broker tells it, and to
all that goes by names (`pipeline.rules.archive.chain`, `pipeline.rules.archive.covering`) they are two topics.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

_DIGITS = 8
_SEAM = "@"
"""Kafka takes it in no topic's name, and a store takes it as it is."""


@lru_cache(maxsize=64)
def log_name(topic: str, topic_id: str) -> str:
    """What the topic with that id is called in the names of segments: ``TOPIC@DIGEST``, without an id ``TOPIC``."""
    return f"{topic}{_SEAM}{sha256(topic_id.encode()).hexdigest()[:_DIGITS]}" if topic_id else topic


def topic_of(log: str) -> str:
    """The topic that such a name is of."""
    return log.partition(_SEAM)[0]
