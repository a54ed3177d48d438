"""``sluice policy``: see whether policies are sound, and whether they do what their owners say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import UsageError
from workers.commands.calibrate import calibrate
from workers.options import in_folder, with_settings
from workers.settings import Settings
from workers.terminal.plain import say, say_json

if TYPE_CHECKING:
    from pipeline.rules.policies.policy_set import PolicySet
    from workers.policies.tests import Trial

FOLDER = "Folder of policies; default: --policies."

app = typer.Typer(no_args_is_help=True, help="Work on policies.")
app.command("calibrate")(calibrate)


@app.command("check")
@with_settings("model", "policies", "log")
def check(
    settings: Settings,
    folder: Annotated[Path | None, typer.Argument(help=FOLDER)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    """Validate every policy file; each problem is a line with file, line and reason, and the exit status is 2.

    Files of the folder that are not read are named, too; one that only its name keeps out is a problem. Whether a
    policy would flag everything takes the model to see: `sluice policy test` and a worker look at that.
    """
    from workers.policies.check import check_folder

    found = check_folder(in_folder(settings, folder))
    if as_json:
        say_json(json.dumps(found.as_json()))
        return found.exit_status
    for problem in found.problems:
        say(str(problem), err=True)
    for note in found.notes:
        say(f"note: {note}", err=True)
    if not found.problems and found.policy_set is not None:
        _print(found.policy_set)
    return found.exit_status


@app.command("test")
@with_settings("model", "images", "policies", "log")
def run_tests(
    settings: Settings,
    folder: Annotated[Path | None, typer.Argument(help=FOLDER)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a sample.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write the results to this file as JUnit XML, too.")] = None,
) -> int:
    """Judge every policy's must_flag and must_pass samples.

    Exit status 0: all come out as their policies say. 1: one does not. 2: there is none to judge, or the policies do
    not hold.
    """
    from time import monotonic, time

    from pipeline.adapters.local.policy_folder import read_policy_folder
    from pipeline.adapters.memory import MemoryTextCache
    from pipeline.rules.policies.files import parse_policies
    from workers import assembly
    from workers.policies.junit import junit_xml
    from workers.policies.other_model import SayOtherModel
    from workers.policies.tests import run_policy_tests, untested

    settings = in_folder(settings, folder)
    policy_set = parse_policies(read_policy_folder(settings.policies))  # a slip is found before the model is loaded
    for line in untested(policy_set):
        say(f"note: {line}", err=True)
    judge = assembly.judge(settings, assembly.load_model(settings), MemoryTextCache(), SayOtherModel())
    started, clock = time(), monotonic()
    trials = run_policy_tests(settings, judge)
    if junit is not None:
        _write(junit, junit_xml(trials, monotonic() - clock, started))
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
            say_json(json.dumps({**asdict(trial), "passed": trial.passed}))
        return
    for trial in failed:
        say(f"FAILED  {trial}")
    say(f"{len(trials) - len(failed)} of {len(trials)} samples came out as their policies say")


def _write(path: Path, content: bytes) -> None:
    """Raises `ServiceError`."""
    from pipeline.errors import ServiceError
    from pipeline.lab.files import write_atomically

    try:
        write_atomically(path, lambda temporary: temporary.write_bytes(content))
    except OSError as error:
        raise ServiceError(f"cannot write {path}: {error.strerror}; name another file with --junit") from error


def _print(policy_set: PolicySet) -> None:
    from pipeline.rules.policies.files import BUILT_IN

    for policy in policy_set.policies:
        actions = ", ".join(f"{action} from {least:g}" for action, least in policy.actions.items())
        set_for = f"for {policy.calibrated}" if policy.calibrated else "by hand"
        say(f"ok  {policy.id:<22} {policy.mode:<8} {len(policy.prompts):>3} prompts  {actions}  ({set_for})")
    defaults = policy_set.defaults
    built_in = ", the built-in ones" if defaults.background_file == BUILT_IN else ""
    background = f"{len(defaults.background)} background lines{built_in}"
    say(f"policy set {policy_set.version}: {len(policy_set.policies)} policies, {background}")
