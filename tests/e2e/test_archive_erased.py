"""An archiver on a real Kafka, while its segments are merged and images are erased from them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from msgspec import structs

from pipeline.adapters.local.store import FolderStore
from pipeline.wire import FeaturesRecord
from tests.archive.made import records
from tests.archive.searched import holding
from tests.archive.streamed import events_in
from tests.e2e.archive_under_test import archive_on
from tests.e2e.pipeline_under_test import ANSWER, STOP
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker
from tests.services.processes import ROOT, child_env, python

ANNA = "anna@example.com"


def _hers(record: FeaturesRecord) -> FeaturesRecord:
    return structs.replace(record, subject=ANNA, thumbnail=b"a picture of anna")


def _sluice(*words: object) -> subprocess.CompletedProcess[str]:
    argv = [*python("-m", "workers", "archive"), *map(str, words)]
    return subprocess.run(argv, cwd=ROOT, env=child_env(), capture_output=True, text=True, check=False)


def test_what_is_erased_while_the_archiver_keeps_and_merges_is_gone_and_stays_away(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    made = records(400, views=(1,))
    made = [_hers(each) if number % 10 == 7 else each for number, each in enumerate(made)]
    left = [each.decision.event_id for each in made if each.subject is None]
    receipt = tmp_path / "receipt.json"
    with archive_on(kafka, tmp_path, partitions=2, archive_every=0.3, archive_tidy_every=0.5) as archive:
        archiver = archive.archiver()
        for at in range(0, 200, 40):
            archive.put(made[at : at + 40])
            archive.wait_until_committed()
        erased = _sluice("erase", "--subject", ANNA, "--archive", archive.folder, "--receipt", receipt)
        assert erased.returncode == 0, erased.stderr
        assert json.loads(receipt.read_text())["events"] >= 1
        archive.put(made[200:])
        archive.put(made[:100])
        archive.wait_until_committed()
        store = FolderStore(archive.folder)
        until(lambda: len(list(store.list("model="))) <= 4, ANSWER, lambda: f"merged: {list(store.list('model='))}")
        assert archiver.process.terminate(STOP) == 0
        assert sorted(events_in(store)) == sorted(left)
        assert holding(store, ANNA.encode(), b"a picture of anna") == {}
        verified = _sluice("verify-erased", receipt, "--archive", archive.folder, "--subject", ANNA)
        assert verified.returncode == 0, verified.stdout
