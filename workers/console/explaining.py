"""Why a decision came out as it did: its sentences at once, and where in the picture when the model has looked."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from pipeline.errors import UsageError
from pipeline.rules.archive.denied import NOBODY, Denied
from pipeline.rules.times import seconds_of
from pipeline.wire import Decision, Event
from workers.console.console import Console
from workers.console.pictures.gone import GoneError

if TYPE_CHECKING:
    from PIL import Image

    from pipeline.lab.explain.maps import Map
    from pipeline.lab.explain.record import Explanation, Why
    from pipeline.lab.explain.why import Look
    from workers.assembly import Judge, Model
    from workers.explain.seen import Seen

BEGUN = 4
"""Images in memory whose maps may be asked for next; some may have megabytes."""
KEPT = 20
"""Explanations in memory, with the pictures of their maps: some 100 KB each."""
PATIENCE = 60.0
"""Seconds to wait while somebody else's explanation is made."""
QUALITY = 90
"""Of the maps' pictures as JPEGs: 3 ms for three of them where PNGs take 540, and a quarter of the bytes."""
V = TypeVar("V")


@dataclass(frozen=True)
class Explained:
    """A policy's explanation in words and tables, and the names by which browsers get the pictures of its map."""

    why: Why
    outcome: str
    proof: Sequence[str]
    sentences: Sequence[tuple[str, str, str]]
    pictures: dict[str, str]


@dataclass(frozen=True)
class Answer:
    policies: Sequence[Explained]
    by: str
    """By which policies it is explained, in words."""
    notes: Sequence[str]
    mapped: bool = False
    """Whether the model has looked where in the picture; else that may be asked for."""
    of_maps: Sequence[str] = ()
    """What is to be known of the maps alone."""
    drawn: dict[str, bytes] = field(default_factory=dict)
    """Pictures by their names."""


@dataclass(frozen=True)
class _Begun:
    """An image that was looked at, and all that its maps are made of."""

    model: Model
    seen: Seen
    look: Look
    found: Explanation
    by: str


class Explaining:
    """Explains decisions of the stream, one at a time, and remembers the last ones. Safe to call from many threads.

    Nothing that it remembers outlives an erasure: it might be of the one who is erased.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._looking, self._mapping = Lock(), Lock()
        self._begun = _Last[_Begun](BEGUN)
        self._answers = _Last[Answer](KEPT)
        self._pictures = _Last[bytes](3 * KEPT)
        self._denied: Denied = NOBODY

    def words(self, decision: Decision) -> Answer:
        """Without maps, unless these were made already; soon, where the stream's features are still remembered.

        Raises what is in the way: `GoneError` for an event that is gone, `UsageError` for another model, `ItemError`.
        """
        event = self._event(decision)
        with _turn(self._looking):
            return self._answers.get(self._key(decision)) or _told(self._look(decision, event))

    def maps(self, decision: Decision) -> Answer:
        """All of it: the model is shown the picture with parts of it taken away. Raises what `words` raises."""
        from pipeline.lab.explain.effort import FULL  # noqa: PLC0415 - the model's libraries
        from workers.explain.explained import with_maps  # noqa: PLC0415

        event = self._event(decision)
        with _turn(self._mapping):
            key = self._key(decision)
            if (made := self._answers.get(key)) is not None:
                return made
            with _turn(self._looking):
                begun = self._look(decision, event)
            found, maps = with_maps(begun.found, begun.seen, begun.look, begun.model, FULL)
            answer = _told(begun, found, maps)
            for name, picture in answer.drawn.items():
                self._pictures.put(name, picture)
            self._answers.put(key, answer)
            return answer

    def picture(self, name: str) -> bytes | None:
        """A JPEG that an explanation named; None where it was too long ago, or somebody was erased since."""
        try:
            self._heed_erasures()
        except GoneError:
            return None
        return self._pictures.get(name)

    def _event(self, decision: Decision) -> Event:
        from pipeline.items import Item  # noqa: PLC0415

        self._heed_erasures()
        event = self._console.pictures.event(decision.source)
        if Item(event).event_id != decision.event_id:
            raise UsageError(f"another event stands at {decision.source}: the topic was made anew")
        return event

    def _heed_erasures(self) -> None:
        denied = self._console.pictures.erased()
        if denied != self._denied:
            for each in (self._begun, self._answers, self._pictures):
                each.clear()
            self._denied = denied

    def _key(self, decision: Decision) -> str:
        return f"{decision.decision_id} {self._console.reach.judge().live().policy_set.version}"

    def _look(self, decision: Decision, event: Event) -> _Begun:
        from pipeline.lab.explain.why import Look  # noqa: PLC0415 - the model's libraries
        from workers.explain.explained import asked_for, explained  # noqa: PLC0415
        from workers.explain.seen import seen_event  # noqa: PLC0415

        key = self._key(decision)
        if (begun := self._begun.get(key)) is not None:
            return begun
        judge, by = _judge_of(self._console, decision)
        seen = seen_event(self._console.settings, judge, event, self._console.reach.fetcher)
        compiled = judge.live().at(seconds_of(decision.decided_at))
        look = Look.at(seen.signals, compiled)
        begun = _Begun(judge.model, seen, look, explained(seen, compiled, asked_for(look, ()), look), by)
        self._begun.put(key, begun)
        return begun


def _judge_of(console: Console, decision: Decision) -> tuple[Judge, str]:
    """The policies that decided it, or those of now where these are gone, and in words which."""
    from workers import assembly  # noqa: PLC0415
    from workers.history.again import check_model  # noqa: PLC0415
    from workers.history.policy_sets import files_of_version  # noqa: PLC0415

    judge = console.reach.judge()
    check_model(decision, judge.model.provenance, "explain")
    then, now = decision.policy_set, judge.live().policy_set.version
    if now == then:
        return judge, f"By the policy set that decided it, {then}, which is live."
    try:
        if console.reach.archive is None:
            reading = files_of_version(console.settings, None, then, judge.model.provenance)
        else:
            with console.reach.archive() as archive:
                reading = files_of_version(console.settings, archive, then, judge.model.provenance)
    except UsageError as error:
        return judge, f"By the policies of now, {now}: those that decided it, {then}, are not to be had ({error})."
    of_then = assembly.judge_by(reading, judge.model, assembly.text_cache(console.settings))
    return of_then, f"By the policy set that decided it, {then}; {now} is live now."


def _told(begun: _Begun, found: Explanation | None = None, maps: dict[str, Map] | None = None) -> Answer:
    from pipeline.lab.explain import words  # noqa: PLC0415

    drawn: dict[str, bytes] = {}

    def pictures(made: Map | None) -> dict[str, str]:
        names = {}
        for said, picture in _pictures(made):
            name = names[said] = secrets.token_hex(16)
            drawn[name] = _jpeg(picture)
        return names

    told = found or begun.found
    policies = [
        Explained(
            why,
            words.outcome(why),
            list(words.proof(why)),
            words.sentence_rows(why),
            pictures((maps or {}).get(why.policy) if words.says_where(why) else None),
        )
        for why in told.policies
    ]
    before = begun.found.notes
    of_maps = [note for note in told.notes if note not in before]
    return Answer(policies, begun.by, before, maps is not None, of_maps, drawn)


def _pictures(made: Map | None) -> Iterator[tuple[str, Image.Image]]:
    if made is not None:
        yield "the picture", made.plain
        yield "where the score comes from", made.heated
        yield "without that", made.without


def _jpeg(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, subsampling=0)
    return out.getvalue()


@contextmanager
def _turn(lock: Lock) -> Iterator[None]:
    if not lock.acquire(timeout=PATIENCE):
        raise UsageError("others' explanations are being made; ask again")
    try:
        yield
    finally:
        lock.release()


class _Last(Generic[V]):
    """The last few of what was put here, by name. Safe to share."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[str, V] = OrderedDict()

    def get(self, name: str) -> V | None:
        with self._lock:
            return self._kept.get(name)

    def put(self, name: str, value: V) -> None:
        with self._lock:
            self._kept[name] = value
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
