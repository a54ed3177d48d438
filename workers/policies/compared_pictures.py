"""Pictures of the images that a comparison tells of, from where Kafka holds their events still."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from hashlib import sha256

from msgspec.structs import replace

from pipeline.errors import ItemError, ServiceError
from pipeline.items import Item
from pipeline.lab.comparing.record import Comparison, Told
from pipeline.ports import Decoder, Fetcher, Hooks, Records
from pipeline.rules.archive.denied import NOBODY, Denied, Kind
from pipeline.wire import Claim, Event, SourceRef, image_id, parse_claim, subject_of
from workers import assembly
from workers.archive.opening import opened_archive
from workers.assembly.decoding import Decoding, drawing
from workers.services import kafka_single_records
from workers.settings import Settings
from workers.terminal.console import Terminal

AT_ONCE, SECONDS = 50, 10.0
"""Events that are read together, and how long for: what has not come by then has no picture."""


class Pictures:
    """Draws events small, by the means that it is given; what an archive has erased is not drawn."""

    def __init__(
        self, records: Records, fetcher: Fetcher, decoder: Decoder, denied: Denied = NOBODY, subject_header: str = ""
    ) -> None:
        self._records = records
        self._fetcher = fetcher
        self._decoder = decoder
        self._denied = denied
        self._subject_header = subject_header

    def of(self, images: Iterable[Told], advance: Callable[[int], object] = lambda _: None) -> tuple[Told, ...]:
        """The same, each with a picture or with why there is none."""
        images, made = list(images), list[Told]()
        for start in range(0, len(images), AT_ONCE):
            some = images[start : start + AT_ONCE]
            try:
                found = self._records.at([each.source for each in some if each.source is not None], SECONDS)
                made += [self._drawn(each, found) for each in some]
            except ServiceError as error:
                made += [replace(each, no_picture=str(error)) for each in some]
            advance(len(some))
        return tuple(made)

    def _drawn(self, told: Told, found: dict[SourceRef, Event | None]) -> Told:
        if told.source is None or told.source not in found:
            return replace(told, no_picture=f"Kafka has not brought the event at {told.source} in time")
        event = found[told.source]
        if event is None:
            return replace(told, no_picture=f"there is no event at {told.source} any more")
        if Item(event).event_id != told.event_id:
            return replace(told, no_picture=f"another event stands at {told.source}: the topic was made anew")
        try:
            image, claim = self._brought(event)
            if self._erased(event, claim, image):
                return replace(told, no_picture="it was erased")
            return replace(told, thumbnail=self._decoder.thumbnail(image, 0))
        except (ItemError, ServiceError, ValueError) as error:
            return replace(told, no_picture=f"it cannot be had: {error}")

    def _brought(self, event: Event) -> tuple[bytes, Claim | None]:
        """Raises `ItemError`, and ``ValueError`` for what is no claim check."""
        if not event.is_claim:
            return event.value or b"", None
        claim = parse_claim(event.value or b"")
        return self._fetcher.fetch(claim), claim

    def _erased(self, event: Event, claim: Claim | None, image: bytes) -> bool:
        denied = self._denied
        return bool(denied) and (
            denied.means(Kind.IMAGE, image_id(event, claim))
            or denied.means(Kind.SUBJECT, subject_of(event, claim, self._subject_header))
            or denied.means(Kind.SHA256, sha256(image).hexdigest())
        )


def with_events(settings: Settings, archive: str | None, found: Comparison) -> Comparison:
    """The same, with a picture or a reason for each image that is told of.

    What is erased from the archive is not shown, where there is one. Raises `ServiceError` where it does not say.
    """
    told = len(found.only_a) + len(found.only_b)
    if not told:
        return found
    denied = NOBODY
    if archive or settings.archive_at:
        with opened_archive(settings, archive) as opened:
            denied = opened.deny_list.load()
    with ExitStack() as held:
        pictures = Pictures(
            held.enter_context(closing(kafka_single_records(settings))),
            held.enter_context(closing(assembly.claim_fetcher(settings))),
            drawing(Decoding(settings, Hooks())),
            denied,
            settings.subject_header,
        )
        counter = held.enter_context(Terminal().counting("pictures", told))
        only_a, only_b = (pictures.of(each, counter.advance) for each in (found.only_a, found.only_b))
    return replace(found, only_a=only_a, only_b=only_b)
