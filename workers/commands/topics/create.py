"""``sluice topics create``: make what a worker needs in Kafka."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.adapters.kafka import TopicPlan, create_topics
from pipeline.adapters.kafka.topics import ADDED_BYTES
from workers.services import kafka_connection
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.plain import say

DAY = 86_400.0


@with_settings("kafka", "topics", "log")
def create(
    settings: Settings,
    partitions: Annotated[int, typer.Option(min=1, help="Of each topic: the most workers that can share it.")] = 6,
    replication_factor: Annotated[int, typer.Option(min=-1, help="-1: the broker's default.")] = -1,
    image_retention_days: Annotated[float, typer.Option(min=0.01, help="How long images are kept.")] = 3,
    decision_retention_days: Annotated[float, typer.Option(min=0.01, help="How long decisions are kept.")] = 14,
    dead_letter_retention_days: Annotated[float, typer.Option(min=0.01, help="How long dead letters are kept.")] = 30,
    features_retention_days: Annotated[
        float, typer.Option(min=0.01, help="How long the archive has to fetch what it is to remember.")
    ] = 7,
    review_retention_days: Annotated[float, typer.Option(min=0.01, help="How long reviews are kept.")] = 30,
    audit_retention_days: Annotated[float, typer.Option(min=0.01, help="How long audit events are kept.")] = 90,
    max_message_mb: Annotated[int, typer.Option(min=1, help="Largest record, MiB; beyond, use claim checks.")] = 16,
) -> None:
    """Make the topics with sane settings; those that exist are left as they are."""
    days = {
        settings.images_topic: image_retention_days,
        settings.decisions_topic: decision_retention_days,
        settings.dead_letters_topic: dead_letter_retention_days,
        settings.features_topic: features_retention_days,
        settings.reviews_topic: review_retention_days,
        **({settings.audited_on: audit_retention_days} if settings.audited_on else {}),
    }
    # A dead letter is its event and some headers: its topic must take what the images topic took, and a little more.
    room = {settings.dead_letters_topic: ADDED_BYTES}
    plans = [
        TopicPlan(
            name,
            partitions=partitions,
            replication_factor=replication_factor,
            retention=kept * DAY,
            max_message_bytes=(max_message_mb << 20) + room.get(name, 0),
        )
        for name, kept in days.items()
    ]
    creation = create_topics(kafka_connection(settings), plans)
    for name in creation.created:
        say(f"created  {name} ({partitions} partitions)")
    for name in creation.existed:
        say(f"exists   {name} (left as it is)")
