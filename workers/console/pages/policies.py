"""*Policies*: all of them, and how they stand."""

from __future__ import annotations

import time
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from workers.console.access.roles import Role
from workers.console.console import Console
from workers.console.pages.page import Page, Show
from workers.console.policies.reviewed import Reviewed
from workers.console.policies.standing import folder_of
from workers.console.routes import Guarded, get


def routes(console: Console, show: Show) -> Sequence[Guarded]:
    reviewed = Reviewed(console)

    def page(request: Request) -> Response:
        folder, stale = folder_of(console, time.time()), reviewed.stale
        return show(
            request, "policies.html", title="Policies", folder=folder, quality=reviewed.found, stale=stale, policy=""
        )

    def table(_: Request) -> Response:
        folder, quality = folder_of(console, time.time()), reviewed.read()
        return HTMLResponse(show.part("policies_table.html", folder=folder, quality=quality, stale=False))

    def live(request: Request) -> Response:
        """Whether the folder's set is live; once it is, the badges of the policy that is asked of, or all anew."""
        folder, policy = folder_of(console, time.time()), request.query_params.get("policy", "")
        part = show.part("policy_live.html", folder=folder, policy=policy)
        if policy:
            part += show.part("policy_states.html", states=folder.states_of(policy), apart=True)
        elif not folder.waits:
            return HTMLResponse(part, headers={"hx-refresh": "true"})
        return HTMLResponse(part)

    return [
        get("/policies", page, role=Role.VIEWER),
        get("/policies-table", table, role=Role.VIEWER),
        get("/policies-live", live, role=Role.VIEWER),
    ]


PAGE = Page("/policies", routes, title="Policies")
