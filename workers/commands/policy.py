"""``sluice policy``: see whether policies are sound, and whether they do what their owners say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.commands.calibrate import calibrate
from workers.options import with_settings
from workers.settings import Settings

if TYPE_CHECKING:
    from pipeline.errors import Problem
    from pipeline.rules.policy_set import PolicySet

app = typer.Typer(no_args_is_help=True, help="Work on policies.")
app.command("calibrate")(calibrate)


@app.command("check")
@with_settings("model", "policies", "log")
def check(
    settings: Settings,
    folder: Annotated[Path | None, typer.Argument(help="Folder of policies; default: --policies.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    """Validate every policy file; each problem is a line with file, line and reason, and the exit status is 2."""
    from pipeline.adapters.open_clip import load_tokenizer
    from pipeline.adapters.policy_folder import read_policy_folder
    from pipeline.errors import PolicyError
    from pipeline.rules.policy_files import TokenCounter, parse_policies

    where = folder or settings.policies
    policy_set: PolicySet | None = None
    problems: list[Problem] = []
    try:
        files = read_policy_folder(where)
        tokenizer = load_tokenizer(settings.model)
        policy_set = parse_policies(files, TokenCounter(tokenizer.count_tokens, tokenizer.context_length))
        problems = _missing_samples(where, policy_set)
    except PolicyError as error:
        problems = error.problems
    if as_json:
        typer.echo(json.dumps(_as_json(policy_set, problems)))
    elif problems:
        for problem in problems:
            typer.echo(str(problem), err=True)
    elif policy_set is not None:
        _print(policy_set)
    return 2 if problems else 0


@app.command("test")
@with_settings("model", "images", "policies", "log")
def run_tests(
    settings: Settings,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a sample.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write the results to this file as JUnit XML, too.")] = None,
) -> int:
    """Judge every policy's must_flag and must_pass samples; the exit status is 1 when one does not come out so."""
    from time import monotonic, time

    from pipeline.adapters.memory import MemoryTextCache
    from workers import assembly
    from workers.junit import junit_xml
    from workers.other_model import SayOtherModel
    from workers.policy_tests import run_policy_tests

    judge = assembly.judge(settings, assembly.load_model(settings), MemoryTextCache(), SayOtherModel())
    started, clock = time(), monotonic()
    trials = run_policy_tests(settings, judge)
    seconds = monotonic() - clock
    failed = [trial for trial in trials if not trial.passed]
    if as_json:
        for trial in trials:
            typer.echo(json.dumps({**asdict(trial), "passed": trial.passed}))
    else:
        for trial in failed:
            typer.echo(f"FAILED  {trial}")
        typer.echo(f"{len(trials) - len(failed)} of {len(trials)} samples came out as their policies say")
    if junit is not None:
        _write(junit, junit_xml(trials, seconds, started))
    return 1 if failed else 0


def _write(path: Path, content: bytes) -> None:
    """Raises `ServiceError`."""
    from pipeline.errors import ServiceError
    from pipeline.lab.files import write_atomically

    try:
        write_atomically(path, lambda temporary: temporary.write_bytes(content))
    except OSError as error:
        raise ServiceError(f"cannot write {path}: {error.strerror}; name another file with --junit") from error


def _missing_samples(folder: Path, policy_set: PolicySet) -> list[Problem]:
    from pipeline.errors import Problem

    return [
        Problem((folder / policy.id).as_posix(), 0, f"the sample {sample} is not there")
        for policy in policy_set.policies
        for sample in (*policy.must_flag, *policy.must_pass)
        if not (folder / sample).is_file()
    ]


def _as_json(policy_set: PolicySet | None, problems: list[Problem]) -> dict[str, object]:
    return {
        "problems": [{"file": each.file, "line": each.line, "reason": each.reason} for each in problems],
        "version": policy_set.version if policy_set else None,
        "policies": [
            {
                "id": policy.id,
                "mode": policy.mode,
                "version": policy.version,
                "actions": dict(policy.actions),
                "calibrated": asdict(policy.calibrated) if policy.calibrated else None,
            }
            for policy in (policy_set.policies if policy_set else ())
        ],
    }


def _print(policy_set: PolicySet) -> None:
    for policy in policy_set.policies:
        actions = ", ".join(f"{action} from {least:g}" for action, least in policy.actions.items())
        set_for = f"for {policy.calibrated}" if policy.calibrated else "by hand"
        typer.echo(f"ok  {policy.id:<22} {policy.mode:<8} {len(policy.prompts):>3} prompts  {actions}  ({set_for})")
    background = len(policy_set.defaults.background)
    typer.echo(f"policy set {policy_set.version}: {len(policy_set.policies)} policies, {background} background lines")
