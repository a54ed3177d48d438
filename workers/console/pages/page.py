"""What a page is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse

from workers.console.access.roles import Role
from workers.console.console import Console
from workers.console.routes import Guarded


class Show(Protocol):
    """Renders a template into the frame that all pages share, for whoever asked."""

    def __call__(self, request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse: ...

    def part(self, template: str, **values: object) -> str:
        """A template alone, for a part of a page that is told to all who look at it, or replaced."""


@dataclass(frozen=True)
class Page:
    """A page as the registry names it.

    `routes` makes its routes from what pages work with. One with a `title` stands in the navigation of those who have
    the role `needs`.
    """

    path: str
    routes: Callable[[Console, Show], Sequence[Guarded]]
    title: str = ""
    needs: Role = Role.VIEWER
