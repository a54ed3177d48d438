"""A selection of what a search found, and what is made of it: a policy, a list, reviews, or an erasure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, cast, get_args
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.errors import PolicyError, ServiceError, UsageError
from pipeline.lab.reviews.given import publish
from pipeline.rules.policies.names import SUFFIXES
from pipeline.wire import Label, rfc3339
from workers.console.access.roles import Role
from workers.console.console import Console
from workers.console.pages.page import Show
from workers.console.pages.playground import words_in
from workers.console.routes import Guarded, did, form_of, get, post, visitor_of
from workers.console.search.tools import Tools
from workers.policies.written import write_new

if TYPE_CHECKING:
    from workers.console.search.query import Query
    from workers.console.search.result import Result

LABELS = get_args(Label)
Form = dict[str, str]


def selection_routes(console: Console, show: Show, tools: Tools) -> Sequence[Guarded]:
    """Each takes the query and the events that were chosen of what it finds."""
    made = _Selection(console, show, tools)
    return [
        get("/search/chosen", made.page, role=Role.VIEWER),
        post("/search/list.csv", _of_form(made.list_down), role=Role.VIEWER),
        post("/search/list", _of_form(made.list_written), role=Role.EDITOR),
        post("/search/policy", _of_form(made.policy), role=Role.EDITOR),
        post("/search/examples", _of_form(made.examples), role=Role.EDITOR),
        post("/search/policy.yaml", _of_form(made.policy_down), role=Role.VIEWER),
        post("/search/reviews", _of_form(made.reviews), role=Role.REVIEWER),
        post("/search/erase", _of_form(made.erase), role=Role.EDITOR),
        get("/search/erasures/{name}", made.erasure, role=Role.EDITOR),
        get("/search/erasures/{name}/receipt.json", made.receipt, role=Role.EDITOR),
    ]


def _of_form(answer: Callable[[Request, Form], Response]) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        return await run_in_threadpool(answer, request, await form_of(request, 100_000))

    return answered


class _Selection:
    def __init__(self, console: Console, show: Show, tools: Tools) -> None:
        self._console = console
        self._folder = console.settings.policies
        self._show = show
        self._tools = tools

    def page(self, request: Request) -> Response:
        query = {f"of-{name}": value for name, value in request.query_params.items()}
        return self._shown(request, query | {"picks": " ".join(request.query_params.getlist("pick"))})

    def list_down(self, request: Request, form: Form) -> Response:
        from workers.console.search.making import list_of  # noqa: PLC0415 - torch comes with it

        try:
            text = list_of(self._all_chosen(form), form.get("note", ""), form.get("expires", ""))
        except UsageError as error:
            return self._shown(request, form, str(error))
        did(request, "took a list of what was chosen", **_counted(form))
        return _download(text, "list.csv", "text/csv; charset=utf-8")

    def list_written(self, request: Request, form: Form) -> Response:
        from workers.console.search.making import checked, list_of  # noqa: PLC0415 - as above

        try:
            path = self._folder / "lists" / f"{checked(form.get('name', ''))}.csv"
            text = list_of(self._all_chosen(form), form.get("note", ""), form.get("expires", ""))
            _made(path.parent)
            write_new(path, text)
        except UsageError as error:
            return self._shown(request, form, str(error))
        did(request, "wrote a list", path=str(path), **_counted(form))
        named = f"lists/{path.name}"
        return self._shown(request, form, said=f"{named} is written; it counts once a policy names it under lists:")

    def policy(self, request: Request, form: Form) -> Response:
        try:
            path, text = self._policy(form)
            write_new(path, text)
        except (UsageError, PolicyError) as error:
            return self._shown(request, form, str(error))
        did(request, "wrote a policy", path=str(path), **_counted(form))
        return self._shown(
            request, form, said=f"{path.name} is written, in shadow mode: workers take it up by themselves"
        )

    def examples(self, request: Request, form: Form) -> Response:
        from workers.console.search.shown import examples_of, write  # noqa: PLC0415 - torch comes with it

        name = form.get("name", "")
        try:
            words = words_in(form.get("words", ""))
            # What was erased of an archive is no example; the page says how many pictures there were.
            chosen = self._all_chosen(form, or_some=self._console.reach.archive is not None)
            drawn = examples_of(chosen, self._console.pictures)
            path = write(self._folder, name, words, drawn)
        except (UsageError, PolicyError) as error:
            return self._shown(request, form, str(error))
        did(request, "wrote a policy of pictures", path=str(path), **_counted(form))
        said = f"{path.name} is written, in shadow mode, with {len(drawn)} pictures in examples/{name}/"
        return self._shown(request, form, said=said)

    def policy_down(self, request: Request, form: Form) -> Response:
        try:
            path, text = self._policy(form)
        except (UsageError, PolicyError) as error:
            return self._shown(request, form, str(error))
        return _download(text, path.name, "application/yaml; charset=utf-8")

    def reviews(self, request: Request, form: Form) -> Response:
        from workers.console.search.making import reviews_of  # noqa: PLC0415 - as above

        who, label, policy = visitor_of(request), form.get("label", ""), form.get("policy", "")
        if label not in LABELS:
            return self._shown(request, form, f"an answer is one of {', '.join(LABELS)}")
        try:
            chosen = self._all_chosen(form)
        except UsageError as error:
            return self._shown(request, form, str(error))
        if policy not in self._policies(chosen):
            return self._shown(request, form, "choose a policy to review them under")
        reviews = reviews_of(chosen, policy, cast("Label", label), who.name, rfc3339(time()))
        with closing(self._console.reach.writer()) as writer:
            publish(writer, self._console.settings.reviews_topic, reviews)
        did(request, "reviewed what was chosen", policy=policy, label=label, **_counted(form))
        return self._shown(request, form, said=f"{len(reviews)} reviews are given: {label} to {policy}")

    def erase(self, request: Request, form: Form) -> Response:
        from workers.console.search.erasures import confirmation  # noqa: PLC0415 - Parquet's library

        try:
            who, chosen = visitor_of(request), self._all_chosen(form)
        except UsageError as error:
            return self._shown(request, form, str(error))
        wanted = confirmation(len(chosen.hits))
        if " ".join(form.get("confirm", "").lower().split()) != wanted:
            return self._shown(request, form, f"nothing was erased: type {wanted} to confirm it")
        images = [each.nearby.image_id for each in chosen.hits]
        did(request, "erases what was chosen", images=images)
        return RedirectResponse(f"/search/erasures/{self._tools.erasures.begin(chosen.hits, who.name)}", 303)

    def erasure(self, request: Request) -> Response:
        name = request.path_params["name"]
        found = self._tools.erasures.get(name)
        if found is None:
            raise HTTPException(404, "no such erasure is remembered: `sluice archive erase` asks for it again")
        return self._show(request, "search_erasure.html", title="Erasure", erasure=found, name=name)

    def receipt(self, request: Request) -> Response:
        found = self._tools.erasures.get(request.path_params["name"])
        if found is None or not found.receipt:
            raise HTTPException(404, "there is no receipt: the erasure has not ended")
        return _download(found.receipt, "erasure-receipt.json", "application/json")

    def _policy(self, form: Form) -> tuple[Path, bytes]:
        from workers.console.search.making import policy_of  # noqa: PLC0415 - torch comes with it

        return policy_of(self._all_chosen(form), form.get("name", ""), self._folder)

    def _chosen(self, form: Form) -> tuple[Query, Result]:
        """The query, and of what it finds that which was chosen.

        Raises 422 for a query that is none, and `ServiceError`.
        """
        from workers.console.search.query import Query  # noqa: PLC0415 - as above

        query = Query.of({name.removeprefix("of-"): value for name, value in form.items() if name.startswith("of-")})
        if query.empty:
            raise HTTPException(
                422, "there is nothing to choose from: search by words or a picture first, on /search"
            )
        try:
            found = self._tools.finder.result(query)
        except ServiceError:
            raise
        except (UsageError, PolicyError) as error:
            raise HTTPException(422, str(error)) from error
        return query, found.chosen(frozenset(form.get("picks", "").split()))

    def _all_chosen(self, form: Form, *, or_some: bool = False) -> Result:
        """What was chosen, every picture of it: nobody asked for a part. Raises `UsageError` where some are gone.

        Pictures of a stream get new events as they stream again, and a search then finds the old ones no more.
        """
        picks = set(form.get("picks", "").split())
        if not picks:
            raise UsageError("nothing is done: no picture is chosen; tick some of the sheet")
        chosen = self._chosen(form)[1]
        lost = len(picks) - len(chosen.hits)
        if not chosen.hits:
            raise UsageError(
                "nothing is done: none of the chosen is found any more; search again, and choose of that"
            )
        if lost and not or_some:
            some = f"{lost} of the {len(picks)} chosen {'is' if lost == 1 else 'are'}"
            raise UsageError(f"nothing is done: {some} not found any more; ask again, if the rest is enough")
        return chosen

    def _policies(self, chosen: Result) -> list[str]:
        """The ids of policies that images can be reviewed under."""
        try:
            files = read_policy_folder(self._folder).files
        except (PolicyError, ServiceError):
            files = {}
        own = {Path(path).stem for path in files if path.endswith(SUFFIXES) and not Path(path).name.startswith("_")}
        said = {policy for each in chosen.hits for policy in (*each.nearby.matches, *each.nearby.shadow)}
        return sorted(own | said)

    def _shown(self, request: Request, form: Form, why: str = "", said: str = "") -> Response:
        from workers.console.search.erasures import confirmation  # noqa: PLC0415 - as above

        query, chosen = self._chosen(form)
        picks = form.get("picks", "").split()
        return self._show(
            request,
            "search_chosen.html",
            422 if why else 200,
            title="Chosen",
            query=query,
            chosen=chosen,
            picks=" ".join(each.event_id for each in chosen.hits),
            lost=len(set(picks)) - len(chosen.hits),
            back=f"{query.address()}&{urlencode([('pick', each) for each in picks])}",
            policies=self._policies(chosen),
            labels=LABELS,
            archived=self._console.reach.archive is not None,
            confirm=confirmation(len(chosen.hits)),
            form=form,
            why=why,
            said=said,
        )


def _counted(form: Form) -> dict[str, object]:
    return {"events": form.get("picks", "").split()}


def _made(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}; take the list as a download") from error


def _download(content: bytes, name: str, media: str) -> Response:
    return Response(content, media_type=media, headers={"content-disposition": f'attachment; filename="{name}"'})
