"""What lies beside an archive's segments is counted, whatever its files are called."""

from __future__ import annotations

import pytest

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.holdings import aside
from pipeline.rules.archive.chain import ChainName
from pipeline.rules.archive.logs import log_name
from pipeline.rules.archive.names import REVIEWS, UNREADABLE


@pytest.mark.parametrize("topic_id", ["", "an id that the broker gave"])
def test_files_of_records_count_though_their_names_have_the_topics_id(topic_id: str) -> None:
    store = MemoryStore()
    for folder in (f"{REVIEWS}day=2026-09-20", f"{UNREADABLE}day=2026-09-20"):
        chain = ChainName(folder, log_name("sluice.reviews.v1", topic_id), 0)
        assert store.create(chain.path(0), b"a")
        assert store.create(chain.path(7), b"b")
    found = aside(store)
    assert (found.reviews, found.unreadable, found.policy_sets, found.erasures) == (2, 2, 0, 0)
