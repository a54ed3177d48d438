"""The bench of known pictures looks for images among real lists of every kind."""

from __future__ import annotations

import json

import pytest

from workers.bench import known
from workers.bench.known import KINDS, as_record, as_table, run


def test_every_kind_is_read_and_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(known, "BATCH", 3)
    monkeypatch.setattr(known, "ROUNDS", 1)
    found = [known.known(kind, 3000) for kind in KINDS]
    assert [each.entries for each in found] == [3000, 3000, 1000]
    assert [each.read is None for each in found] == [False, False, True]
    assert all(each.look.images == 3 and each.bytes_each > 32 for each in found)
    assert as_table(found).row_count == len(KINDS)
    run(100, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert list(told) == list(KINDS)
    assert told["pdq"].keys() == as_record(found[1]).keys()
