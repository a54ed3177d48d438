"""The filters that choose dead letters, as flags: declared once for every command that has them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from pipeline.errors import Reason, UsageError
from pipeline.rules.dead_letters import FOREIGN, Wanted
from workers.settings.times import WHEN, window_of
from workers.terminal.plain import say

_FLAGS: dict[str, Any] = {
    "reason": Annotated[list[str], typer.Option(help=f"Of this reason; may be repeated. '{FOREIGN}': not ours.")],
    "stage": Annotated[str | None, typer.Option(help="Given up by this stage: fetch, decode, encode...")],
    "policy_set": Annotated[str | None, typer.Option(help="Made while this policy set was live.")],
    "topic": Annotated[str | None, typer.Option(help="Whose event stood in this topic.")],
    "partition": Annotated[int | None, typer.Option(min=0, help="Whose event stood in this partition.")],
    "since": Annotated[str | None, typer.Option(help=f"Written since then: {WHEN}.")],
    "until": Annotated[str | None, typer.Option(help=f"Written before then: {WHEN}.")],
    "id": Annotated[str | None, typer.Option("--id", help="Of this event id, image id or place, TOPIC[0]@5.")],
}


def with_filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its `Wanted` as second argument, behind the settings, and the flags that it is made of.

    Raises `UsageError` for a filter that cannot be meant. It goes below `with_settings`.
    """

    def run(settings: Any, **given: Any) -> Any:
        chosen = {name: given.pop(name) for name in _FLAGS}
        return command(settings, wanted_by(**chosen), **given)

    settings, _, *own = inspect.signature(command, eval_str=True).parameters.values()
    flags = [
        inspect.Parameter(name, settings.kind, annotation=kind, default=[] if name == "reason" else None)
        for name, kind in _FLAGS.items()
    ]
    run.__signature__ = inspect.Signature([settings, *own, *flags])  # type: ignore[attr-defined]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def wanted_by(
    reason: list[str],
    stage: str | None,
    policy_set: str | None,
    topic: str | None,
    partition: int | None,
    since: str | None,
    until: str | None,
    id: str | None,  # noqa: A002 - the flag's name
) -> Wanted:
    """The filters as they were typed. Raises `UsageError`."""
    _check_reasons(reason)
    typed = {
        "stage": stage,
        "set": policy_set,
        "topic": topic,
        "partition": partition,
        "since": since,
        "until": until,
    }
    said = [*sorted(set(reason)), *(f"{name}={value}" for name, value in typed.items() if value is not None)]
    return Wanted(frozenset(reason), stage, policy_set, topic, partition, id, window_of(since, until), " ".join(said))


def _check_reasons(reasons: list[str]) -> None:
    """A slip is refused; what a newer version may give as a reason is taken, and said. Raises `UsageError`."""
    known = sorted({*Reason, FOREIGN})
    for reason in reasons:
        if reason in known:
            continue
        said = f"{reason!r} is no reason that this version gives; it gives {', '.join(known)}"
        if get_close_matches(reason, known, n=1, cutoff=0.8) or not re.fullmatch("[a-z][a-z0-9_]*", reason):
            raise UsageError(said)
        say(said, err=True)
