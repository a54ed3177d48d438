"""``sluice review record``: reviews from a CSV file, into the reviews topic."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from pipeline.adapters.kafka import check_topics, write_stream
from pipeline.adapters.local.policy_folder import policies_in
from pipeline.lab.reviews.csv_file import LABELS, read_reviews
from pipeline.rules.reviews.recording import identified, review_record
from pipeline.wire import Review, rfc3339
from workers.commands.options import AsJson
from workers.process.interrupts import keeping
from workers.reviews.known import with_ids_of
from workers.services import kafka_connection, kafka_writer
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.plain import say, say_json

Csv = Annotated[Path, typer.Option("--csv", metavar="FILE", help="image_id,policy,label[,inclusion_probability].")]
Reviewer = Annotated[str, typer.Option(help="Who reviewed, where the file does not say.")]
CheckedBy = Annotated[
    str | None,
    typer.Option(
        "--archive",
        metavar="FOLDER|s3://...|gs://...|az://...",
        help="See that this archive has each image, and name both its ids.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and check everything, and publish nothing.")]


@with_settings("kafka", "topics", "policies", "store", "log")
def record(
    settings: Settings,
    csv: Csv,
    archive: CheckedBy = None,
    reviewer: Reviewer = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Publish the reviews of a CSV file to the reviews topic; returns once the broker has them all.

    Columns are image_id or event_id, policy, label (yes, no, unsure), and, where there are any, inclusion_probability
    (else 1), reviewer and at. A slip in any line is named, and nothing is published. The same file may be recorded
    again: its reviews have the same ids, and count once.
    """
    known = [policy.id for policy in policies_in(settings.policies).policies]
    reviews = read_reviews(csv, known)
    if archive is not None:
        reviews = with_ids_of(settings, archive, csv, reviews)
    now = rfc3339(time.time())
    reviews = [identified(each, reviewer, now) for each in reviews]
    if not dry_run:
        _publish(settings, reviews)
    _tell(settings, csv, reviews, dry_run=dry_run, as_json=as_json)


def _publish(settings: Settings, reviews: list[Review]) -> None:
    terminal, acknowledged, topic = Terminal(), Counter[str](), settings.reviews_topic
    check_topics(kafka_connection(settings), [], writes=[topic])
    with (
        closing(kafka_writer(settings)) as writer,
        terminal.counting("publishing", len(reviews)) as counter,
        keeping(lambda: f"interrupted: {acknowledged.total()} reviews published to {topic}; record the file again"),
    ):
        records = (review_record(each, topic) for each in reviews)

        def advance(_: object) -> None:
            acknowledged["reviews"] += 1
            counter.advance()

        write_stream(writer, records, on_ack=advance)


def _tell(settings: Settings, csv: Path, reviews: list[Review], *, dry_run: bool, as_json: bool) -> None:
    labels = Counter(each.label for each in reviews)
    policies = Counter(each.policy for each in reviews)
    if as_json:
        counts = {"labels": {label: labels[label] for label in LABELS}, "policies": dict(sorted(policies.items()))}
        published = 0 if dry_run else len(reviews)
        say_json(
            json.dumps({"reviews": len(reviews), "published": published, "topic": settings.reviews_topic, **counts})
        )
        return
    said = ", ".join(f"{labels[label]:,} {label}" for label in LABELS if labels[label])
    of = ", ".join(f"{policy} {count:,}" for policy, count in sorted(policies.items()))
    done = "would be published to" if dry_run else "published to"
    say(f"{csv}: {len(reviews):,} reviews ({said}; {of}) {done} {settings.reviews_topic}")
