"""``sluice policy check``: whether policies are sound, in well under a second."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

import typer

from pipeline.rules.policies.files import BUILT_IN
from pipeline.rules.policies.policy_set import PolicySet
from workers.commands.options import AsJson, PolicyFolder
from workers.policies.check import check_folder
from workers.policies.examples import CameTo, came_to, said_of
from workers.settings import Settings
from workers.settings.options import in_folder, with_settings
from workers.terminal.plain import say, say_json


@with_settings("model", "images", "policies", "log")
def check(
    settings: Settings,
    folder: PolicyFolder = None,
    examples: Annotated[
        bool, typer.Option("--examples", help="Load the model, and say what pictures under 'examples' come to.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Validate every policy file; each problem is a line with file, line and reason, and the exit status is 2.

    Files of the folder that are not read are named, too; one that only its name keeps out is a problem, and so is a
    picture under 'examples' or 'lists' that a worker could not read. Whether a policy would flag everything takes the
    model to see: `sluice policy test` and a worker look at that.
    """
    settings = in_folder(settings, folder)
    found = check_folder(settings)
    came = _looked_at(settings) if examples and not found.problems else {}
    if as_json:
        say_json(json.dumps(found.as_json(came)))
        return found.exit_status
    for problem in found.problems:
        say(str(problem), err=True)
    for note in found.notes:
        say(f"note: {note}", err=True)
    if not found.problems and found.policy_set is not None:
        _print(found.policy_set, came)
    return found.exit_status


def _looked_at(settings: Settings) -> dict[str, CameTo]:
    from pipeline.ports import Hooks  # noqa: PLC0415
    from workers import assembly  # noqa: PLC0415

    return came_to(assembly.judge(settings, assembly.load_model(settings), Hooks()).live)


def _print(policy_set: PolicySet, came: Mapping[str, CameTo]) -> None:
    for policy in policy_set.policies:
        actions = ", ".join(f"{action} from {least:g}" for action, least in policy.actions.items())
        set_for = f"for {policy.calibrated}" if policy.calibrated else "by hand"
        say(f"ok  {policy.id:<22} {policy.mode:<8} {len(policy.prompts):>3} prompts  {actions}  ({set_for})")
        if policy.examples.pictures:
            say(f"    {said_of(policy, came.get(policy.id))}")
    defaults = policy_set.defaults
    built_in = ", the built-in ones" if defaults.background_file == BUILT_IN else ""
    background = f"{len(defaults.background)} background lines{built_in}"
    say(f"policy set {policy_set.version}: {len(policy_set.policies)} policies, {background}")
