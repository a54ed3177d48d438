"""What an archive keeps of files beside policies is enough to judge again, and has no picture in it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.holdings import aside
from pipeline.archive.policy_sets import keep_policy_set, keep_policy_set_part, policy_set
from pipeline.errors import StoreError
from pipeline.rules.archive.kept_assets import LEFT_OUT, MOST_BYTES, assets_of, kept_assets
from pipeline.rules.archive.set_parts import in_parts, joined
from pipeline.rules.policies.assets import Asset, Assets
from pipeline.signals import Provenance
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


def record(assets: Assets = ASSETS, made_by: Provenance = SEEN.made_by) -> PolicySetRecord:
    kept = kept_assets(assets)
    model, preprocess = made_by.model, made_by.preprocess
    return PolicySetRecord(
        version="v", files={"a.yaml": b"x"}, live_at="now", assets=kept, model=model, preprocess=preprocess
    )


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
        kept = policy_set(store, "v", seen_by)
        assert (kept.version, kept.files, kept.assets) == ("v", record().files, record().assets)
    others = {"one.jpg": Asset("one.jpg", "1", signals=type(SEEN)(-SEEN.features, SEEN.regions, by_other))}
    theirs = record(others, by_other)
    assert keep_policy_set(store, theirs)
    assert found(store, by_other) == theirs.assets
    assert found(store, SEEN.made_by) == record().assets


def test_a_set_that_is_too_large_for_one_record_comes_back_from_its_parts() -> None:
    """As from hundreds of example pictures; whichever worker sends it again, the parts are the same."""
    pictures = {f"{at:03}.jpg": Asset(f"{at:03}.jpg", str(at), signals=SEEN) for at in range(100)}
    whole = record({**ASSETS, **pictures})
    store, most = MemoryStore(), 2000
    parts, rest = in_parts(whole, most)
    assert len(parts) > 3
    for each in (*parts, rest):
        sent = archive_record_bytes(each)
        assert len(sent) < most + 600
        assert parse_archive_record(sent) == each
    assert in_parts(whole, most) == (parts, rest)
    for part in parts:
        keep_policy_set_part(store, part)
    keep_policy_set(store, rest)
    for seen_by in (None, SEEN.made_by):
        kept = policy_set(store, "v", seen_by)
        assert (kept.files, kept.assets, kept.parts) == (whole.files, whole.assets, [])
    assert aside(store).policy_sets == 1


def test_what_fits_goes_in_one_record_and_what_never_fits_goes_by_itself() -> None:
    assert in_parts(record()) == ([], record())
    large = PolicySetRecord(version="v", files={"a.yaml": b"x", "b.yaml": bytes(5000), "c.yaml": b"y"}, live_at="now")
    parts, rest = in_parts(large, 2000)
    assert [list(part.files) for part in parts] == [["b.yaml"], ["c.yaml"]]
    assert joined(rest, parts) == large


def test_a_set_without_one_of_its_parts_says_which() -> None:
    store = MemoryStore()
    parts, rest = in_parts(record(), 300)
    keep_policy_set(store, rest)
    with pytest.raises(StoreError, match=f"is not whole: its part policies/part@{parts[0].digest}.json is not there"):
        policy_set(store, "v")


def found(store: MemoryStore, made_by: Provenance) -> object:
    return policy_set(store, "v", made_by).assets
