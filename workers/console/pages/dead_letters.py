"""*Dead letters*: what could not be moderated, by reason, one of them closely, and some sent again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline.errors import PublishError
from pipeline.rules.dead_letters import reason_of
from workers.console.access.roles import Role
from workers.console.console import Console
from workers.console.letters.again import MOST, Outcome, found_at, sent_again
from workers.console.letters.once import Once, SentBeforeError
from workers.console.letters.shelf import Place, Shelf
from workers.console.pages.page import Page, Show
from workers.console.routes import Guarded, did, form_of, get, post, visitor_of
from workers.dlq.found import Found
from workers.dlq.lines import dump_of, facts_of, headers_of

SHOWN = 50
"""Dead letters on a page."""
_LONGEST = 100
"""Characters of an event's id by which a letter that was chosen is known again."""
_PLACE = re.compile(r"(\d{1,9})@(\d{1,18})", re.ASCII)


def routes(console: Console, show: Show) -> Sequence[Guarded]:
    pages = _Pages(console, show)
    return [
        get("/dead-letters", pages.all, role=Role.VIEWER),
        get("/dead-letters/{partition:number}/{offset:number}", pages.one, role=Role.VIEWER),
        post("/dead-letters/replay", pages.replay, role=Role.REVIEWER),
    ]


class _Pages:
    def __init__(self, console: Console, show: Show) -> None:
        self._reach = console.reach
        self._settings = console.settings
        self._once = Once()
        self._shelf = Shelf(partial(console.reach.topic, console.settings.dead_letters_topic))
        self._show = partial(
            show, title="Dead letters", reason_of=reason_of, topic=console.settings.dead_letters_topic
        )

    def all(self, request: Request) -> Response:
        """Without a reason, all."""
        shelved, reason = self._shelf.look(), request.query_params.get("reason", "")
        first = _number(request.query_params.get("from", ""))
        letters = [each for each in shelved.letters if reason in {"", reason_of(each)}]
        more = first + SHOWN
        return self._show(
            request,
            "dead_letters.html",
            shelved=shelved,
            reason=reason,
            letters=letters[first:more],
            total=len(letters),
            replayed=self._shelf.replayed,
            newer=_address(reason, first - SHOWN) if first else "",
            older=_address(reason, more) if more < len(letters) else "",
        )

    def one(self, request: Request) -> Response:
        place = request.path_params["partition"], request.path_params["offset"]
        found = found_at(self._reach, self._settings, [place])
        if not found:
            raise HTTPException(404, "no dead letter stands there any more")
        return self._show(
            request,
            "dead_letter.html",
            letter=found[0].letter,
            facts=facts_of(found[0]),
            headers=headers_of(found[0].record),
            dump=list(dump_of(found[0].record)),
            replayed=self._shelf.replayed,
        )

    async def replay(self, request: Request) -> Response:
        """Asked once, it says what would be sent; asked again, with `sure`, it sends them."""
        return await run_in_threadpool(self._replay, request, await form_of(request))

    def _replay(self, request: Request, form: Mapping[str, str]) -> Response:
        chosen, who, sure = _chosen(form), visitor_of(request), form.get("sure") == "yes"
        found = [each for each in found_at(self._reach, self._settings, list(chosen)) if _is_the_one(each, chosen)]
        try:
            with self._once.of(form.get("once", "") if sure else ""):
                outcomes = sent_again(self._reach, self._settings, found, dry_run=not sure)
        except SentBeforeError as error:
            raise HTTPException(409, "this was sent already; choose them again to replay them once more") from error
        except PublishError as error:
            raise HTTPException(503, f"not all are sent; who sends them again adds nothing: {error}") from error
        sent = [each for each in outcomes if each.sent]
        if sure:
            self._remember(request, sent, len(outcomes) - len(sent), who.name)
        return self._show(
            request,
            "dead_letters_again.html",
            outcomes=outcomes,
            sent={_name(each.found): _event(each.found) for each in sent},
            sure=sure,
            once=self._once.token(),
            gone=len(chosen) - len(found),
            replayed=self._shelf.replayed,
        )

    def _remember(self, request: Request, sent: Sequence[Outcome], refused: int, who: str) -> None:
        did(request, "replayed dead letters", letters=[_name(each.found) for each in sent], refused=refused)
        for each in sent:
            self._shelf.mark(_place(each.found), who)


def _chosen(form: Mapping[str, str]) -> dict[Place, str]:
    """The chosen ones, with what their page called their events. Raises 400 for none, and for more than are sent."""
    named = [(match, event) for name, event in form.items() if (match := _PLACE.fullmatch(name))]
    if not 0 < len(named) <= MOST:
        raise HTTPException(400, f"choose dead letters to replay, {MOST} at most; for more: sluice dlq replay")
    return {(int(match[1]), int(match[2])): event for match, event in named}


def _is_the_one(found: Found, chosen: Mapping[Place, str]) -> bool:
    """Whether it is the letter that was looked at: where the topic was made anew another one stands in its place."""
    return chosen[_place(found)] in {_event(found), "on"}


def _event(found: Found) -> str:
    return found.letter.event_id[:_LONGEST]


def _place(found: Found) -> Place:
    return found.record.partition, found.record.offset


def _name(found: Found) -> str:
    return f"{found.record.partition}@{found.record.offset}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0  # noqa: PLR2004 - of those kept


def _address(reason: str, first: int) -> str:
    return f"/dead-letters?{urlencode({'reason': reason, 'from': max(0, first)})}"


PAGE = Page("/dead-letters", routes, title="Dead letters")
