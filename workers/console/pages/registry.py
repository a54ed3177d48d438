"""Every page, in the order of the navigation."""

from __future__ import annotations

from collections.abc import Sequence

from workers.console.pages import dead_letters, event, live, playground, policies, policy, reviews, search, sign_in
from workers.console.pages.page import Page

PAGES: Sequence[Page] = (
    live.PAGE,
    event.PAGE,
    search.PAGE,
    reviews.PAGE,
    dead_letters.PAGE,
    policies.PAGE,
    policy.PAGE,
    playground.PAGE,
    sign_in.PAGE,
)
