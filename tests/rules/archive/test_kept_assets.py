"""What an archive keeps of files beside policies is enough to judge again, and has no picture in it."""

from __future__ import annotations

import numpy as np

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.policy_sets import keep_policy_set, policy_set
from pipeline.rules.archive.kept_assets import LEFT_OUT, MOST_BYTES, assets_of, kept_assets
from pipeline.rules.policies.assets import Asset
from pipeline.wire import PolicySetRecord, archive_record_bytes, parse_archive_record
from tests.rules.heads.pictures_shown import near

SEEN = near(np.eye(8)[0], 1)
SEEN = type(SEEN)(SEEN.features.astype(np.float16).astype(np.float32), SEEN.regions, SEEN.made_by)
ASSETS = {
    "one.jpg": Asset("one.jpg", "1", b"", signals=SEEN),
    "known.csv": Asset("known.csv", "2", b"sha256,..."),
    "huge.csv": Asset("huge.csv", "3", bytes(MOST_BYTES + 1)),
    "off.jpg": Asset("off.jpg", "4"),
}


def record(version: str = "v") -> PolicySetRecord:
    return PolicySetRecord(version=version, files={"a.yaml": b"x"}, live_at="now", assets=kept_assets(ASSETS))


def test_features_of_pictures_and_bytes_of_lists_come_back_as_they_were() -> None:
    again = parse_archive_record(archive_record_bytes(record()))
    assert isinstance(again, PolicySetRecord)
    found = assets_of(again.assets)
    assert found["known.csv"] == ASSETS["known.csv"]
    assert found["huge.csv"] == Asset("huge.csv", "3", problem=LEFT_OUT)
    assert found["off.jpg"] == ASSETS["off.jpg"]
    signals = found["one.jpg"].signals
    assert signals is not None
    assert signals.made_by == SEEN.made_by
    assert signals.features.tolist() == SEEN.features.tolist()
    assert signals.regions.tobytes() == SEEN.regions.tobytes()


def test_each_model_has_its_own_features_of_a_set() -> None:
    store = MemoryStore()
    by_other = type(SEEN.made_by)(SEEN.made_by.model, "another")
    assert keep_policy_set(store, record())
    assert not keep_policy_set(store, record())
    for seen_by in (SEEN.made_by, by_other, None):
        assert policy_set(store, "v", seen_by) == record()
    others = {"one.jpg": Asset("one.jpg", "1", signals=type(SEEN)(-SEEN.features, SEEN.regions, by_other))}
    theirs = PolicySetRecord(version="v", files={"a.yaml": b"x"}, live_at="then", assets=kept_assets(others))
    assert keep_policy_set(store, theirs)
    assert policy_set(store, "v", by_other) == theirs
    assert policy_set(store, "v", SEEN.made_by) == record()
