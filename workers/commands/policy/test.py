"""``sluice policy test``: whether policies do what their owners say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, time
from typing import Annotated

import typer

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import UsageError
from workers import assembly
from workers.commands.options import PolicyFolder
from workers.policies.examples import said_of_all
from workers.policies.junit import junit_xml
from workers.policies.other_model import SayOtherModel
from workers.policies.tests import Trial, run_policy_tests, untested
from workers.settings import Settings
from workers.settings.options import in_folder, with_settings
from workers.terminal.plain import say, say_json
from workers.terminal.reports import check_writable, write_report


@with_settings("model", "images", "policies", "log")
def test(
    settings: Settings,
    folder: PolicyFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a sample.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write the results to this file as JUnit XML, too.")] = None,
) -> int:
    """Judge every policy's must_flag and must_pass samples.

    Exit status 0: all come out as their policies say. 1: one does not. 2: there is none to judge, or the policies do
    not hold.
    """
    check_writable("--junit", junit, in_new_folder=True)
    settings = in_folder(settings, folder)
    policy_set = policies_in(settings.policies)  # a slip is found before the model is loaded
    for line in untested(policy_set):
        say(f"note: {line}", err=True)
    judge = assembly.judge(settings, assembly.load_model(settings), SayOtherModel())
    for line in said_of_all(judge.live):
        say(f"note: {line}", err=True)
    started, clock = time(), monotonic()
    trials = run_policy_tests(settings, judge)
    if junit is not None:
        cases = [trial.as_case() for trial in trials]
        write_report("--junit", junit, junit_xml(cases, monotonic() - clock, started))
    if not trials:
        raise UsageError(
            f"{settings.policies}: no active policy has tests, so nothing was tested; name samples in a policy file, "
            "under 'tests:' and 'must_flag:' or 'must_pass:'"
        )
    failed = [trial for trial in trials if not trial.passed]
    _show(trials, failed, as_json=as_json)
    return 1 if failed else 0


def _show(trials: Sequence[Trial], failed: Sequence[Trial], *, as_json: bool) -> None:
    if as_json:
        for trial in trials:
            say_json(json.dumps(trial.as_json()))
        return
    for trial in failed:
        say(f"FAILED  {trial}")
    say(f"{len(trials) - len(failed)} of {len(trials)} samples came out as their policies say")
