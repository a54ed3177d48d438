"""The endpoints as an application, and what a console that serves them too takes of it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from workers.console.access.door import Door
from workers.console.access.journal import Journal
from workers.console.access.roles import Role
from workers.console.access.visitors import Access
from workers.console.api.answers import JSON, as_problem, fault_of_ours, not_let_in
from workers.console.api.document import document_json
from workers.console.api.endpoints import embedding, judging
from workers.console.api.metrics import ApiMetrics, Counted
from workers.console.api.page import page, style
from workers.console.api.parts import Parts
from workers.console.routes import get, post


def routes(parts: Parts) -> list[Route]:
    """The endpoints, their document, and the page that shows it."""
    described, shown = document_json(parts), page(parts)

    def openapi(_: Request) -> Response:
        return Response(described, media_type=JSON)

    def human(_: Request) -> Response:
        return HTMLResponse(shown)

    def styled(_: Request) -> Response:
        return Response(style(), media_type="text/css")

    return [
        post("/v1/judge", judging(parts), role=Role.VIEWER),
        post("/v1/embeddings", embedding(parts), role=Role.VIEWER),
        get("/v1/openapi.json", openapi, role=Role.ANYBODY),
        get("/v1/", human, role=Role.ANYBODY),
        get("/v1/page.css", styled, role=Role.ANYBODY),
    ]


def application(parts: Parts, access: Access, registry: CollectorRegistry) -> Starlette:
    """What `sluice serve` serves."""
    app = Starlette(
        routes=routes(parts),
        middleware=[
            Middleware(Counted, metrics=ApiMetrics(registry)),
            Middleware(Door, access=access, refuse=not_let_in, broken=fault_of_ours),
        ],
        exception_handlers={HTTPException: as_problem, ClientDisconnect: as_problem},
    )
    app.state.access = access
    app.state.journal = Journal()
    return app
