"""``sluice policy release``: a policy that was held may block again."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Annotated

import typer

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import ServiceError, UsageError
from pipeline.rules.limits.standing import Standing, name_of
from workers.policies.named import meant
from workers.services import redis_connection
from workers.settings import Settings
from workers.settings.environment import variable
from workers.settings.options import with_settings
from workers.terminal.plain import say

NOT_HELD = 1


@with_settings("redis", "policies", "log")
def release(
    settings: Settings,
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Id of the policy.")],
    *,
    group: Annotated[
        str | None,
        typer.Option(help=f"Consumer group of the workers. [{variable('group')}]", show_default=False),
    ] = None,
) -> int:
    """Let a policy block again that is held over its limit; workers hear of it through Redis.

    It is the version of the policy folder that is released, for the workers of one consumer group. Exit status 1:
    none of them said that it is held. Without Redis, send a worker SIGUSR1.
    """
    found = {each.id: each for each in policies_in(settings.policies).policies}
    if policy not in found:
        hint = meant(policy, found) or f"there are {', '.join(found)}"
        raise UsageError(f"no policy is called {policy!r} in {settings.policies}; {hint}")
    if found[policy].limits is None:
        raise UsageError(f"{policy} has no limits, so it is never held")
    redis = redis_connection(settings)
    if redis is None:
        raise UsageError("there is no Redis through which workers would hear of it (--redis-url): send them SIGUSR1")
    from pipeline.adapters.redis.standings import RedisStandings  # noqa: PLC0415 - for those that have one

    group = group or settings.group
    name, standings = name_of(policy, found[policy].version), RedisStandings(redis, group)
    with closing(redis):
        redis.ask()
        known = standings.get([name])
        if known is None:
            raise ServiceError("Redis does not answer")
        if name not in known or not known[name].held:
            say(f"{policy} is not held by group {group!r} in version {found[policy].version}", err=True)
            return NOT_HELD
        standings.put({name: Standing(round(max(time.time(), known[name].at + 0.001), 3))})
    say(f"{policy} is released: it flagged {known[name].flagged:,} of {known[name].images:,} images, and counts anew")
    return 0
