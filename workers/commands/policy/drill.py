"""``sluice policy drill``: whether policies still find what somebody hides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import monotonic, time
from typing import Annotated

import typer

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import UsageError
from pipeline.lab.evasion.page import page
from pipeline.lab.evasion.record import Record
from pipeline.lab.evasion.record_json import record_json
from pipeline.lab.evasion.registry import chosen
from pipeline.rules.policies.policy_set import Policy
from workers import assembly
from workers.commands.options import AsJson
from workers.policies.drill import run_drill
from workers.policies.drill_cases import cases, remarks
from workers.policies.drill_samples import prepare
from workers.policies.junit import junit_xml
from workers.policies.named import named_policies
from workers.policies.other_model import SayOtherModel
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.drill import show, show_tricks
from workers.terminal.plain import say, say_json
from workers.terminal.reports import check_writable, write_report

Drilled = Annotated[list[str] | None, typer.Argument(metavar="POLICY", help="Ids of policies; default: all.")]
Tricks = Annotated[
    list[str] | None,
    typer.Option("--trick", metavar="NAME", help="A trick, a family (frame) or a pattern; repeat it for several."),
]
Seed = Annotated[int, typer.Option(min=0, help="What chance draws; the same seed makes the same pictures.")]
AtLeast = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Exit with 1 where a policy flags less than this share of the pictures."),
]
Each = Annotated[bool, typer.Option("--each", help="With --at-least: under each single trick, too.")]
Harmless = Annotated[
    bool, typer.Option("--harmless", help="Play the tricks with must_pass samples, too: what is flagged falsely?")
]


Junit = Annotated[Path | None, typer.Option(help="Write the results to this file as JUnit XML, too.")]
Html = Annotated[Path | None, typer.Option(help="Write the results to this page, too, with pictures.")]
ListThem = Annotated[bool, typer.Option("--list", help="List the tricks, and drill nothing.")]


@with_settings("model", "images", "policies", "log")
def drill(
    settings: Settings,
    ids: Drilled = None,
    trick: Tricks = None,
    seed: Seed = 0,
    at_least: AtLeast = None,
    each: Each = False,
    harmless: Harmless = False,
    as_json: AsJson = False,
    junit: Junit = None,
    html: Html = None,
    list_them: ListThem = False,
) -> int:
    """Play tricks with every must_flag sample, and see what is still flagged.

    Exit status 0: done. 1: a sample could not be drilled, or less than --at-least is flagged. 2: there is none to
    drill, or the policies do not hold.
    """
    tricks, terminal = chosen(trick or ()), Terminal()
    if list_them:
        show_tricks(tricks, terminal.out)
        return 0
    check_writable("--junit", junit, in_new_folder=True)
    check_writable("--html", html)
    policy_set = policies_in(settings.policies)  # a slip is found before the model is loaded
    policies = named_policies(policy_set, ids or (), settings.policies, "drill")
    _say_without_samples(policies, settings.policies)
    with terminal.status("loading the model and the policies"):
        judge = assembly.judge(settings, assembly.load_model(settings), SayOtherModel())
    started, clock = time(), monotonic()
    ready = prepare(settings, judge, policies, seed, harmless=harmless)
    with terminal.counting("drilling", len(ready.plays(tricks))) as counter:
        record = run_drill(settings, judge, ready, tricks, counter.advance)
    if junit is not None:
        found = junit_xml(cases(record, at_least or 0, each=each), monotonic() - clock, started, remarks(record))
        write_report("--junit", junit, found)
    if html is not None:
        write_report("--html", html, page(record, ready.made).encode())
    _show(record, terminal, as_json=as_json)
    below = [] if at_least is None else record.below(at_least, each=each)
    for line in below:
        say(f"BELOW  {line}", err=as_json)
    return 1 if below or record.not_drilled else 0


def _show(record: Record, terminal: Terminal, *, as_json: bool) -> None:
    if as_json:
        say_json(record_json(record))
    else:
        show(record, terminal.out)
    for sample in record.not_drilled:
        say(f"NOT DRILLED  {sample}", err=as_json)


def _say_without_samples(policies: Sequence[Policy], folder: Path) -> None:
    """Name the policies that cannot be drilled. Raises `UsageError` where none can be."""
    without = [policy.id for policy in policies if not policy.must_flag]
    if len(without) == len(policies):
        raise UsageError(
            f"{folder}: no active policy has samples that it must flag, so there is nothing to drill; name some in a "
            "policy file, under 'tests:' and 'must_flag:'"
        )
    if without:
        say(f"note: without must_flag samples: {', '.join(without)}", err=True)
