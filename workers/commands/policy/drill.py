"""``sluice policy drill``: whether policies still find what somebody hides."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.adapters.memory import MemoryTextCache
from pipeline.errors import UsageError
from pipeline.lab.evasion.record import Record
from pipeline.lab.evasion.registry import chosen
from pipeline.lab.evasion.trick import Trick
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.policy_set import Policy, PolicySet
from workers import assembly
from workers.commands.options import AsJson
from workers.policies.drill import Ready, plays, prepare, run_drill
from workers.policies.other_model import SayOtherModel
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.drill import show
from workers.terminal.plain import say, say_json

Drilled = Annotated[list[str] | None, typer.Argument(metavar="[POLICY]...", help="Ids of policies; default: all.")]
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
) -> int:
    """Play tricks with every must_flag sample, and see what is still flagged.

    Exit status 0: done. 1: a sample could not be drilled, or less than --at-least is flagged. 2: there is none to
    drill, or the policies do not hold.
    """
    tricks = chosen(trick or ())
    policy_set = parse_policies(read_policy_folder(settings.policies))  # a slip is found before the model is loaded
    drilled = _drilled(policy_set, ids or (), settings.policies)
    _say_without_samples(drilled, settings.policies)
    terminal = Terminal()
    with terminal.status("loading the model and the policies"):
        judge = assembly.judge(settings, assembly.load_model(settings), MemoryTextCache(), SayOtherModel())
    ready = prepare(settings, judge, drilled, seed)
    record = _record(settings, judge, ready, tricks, seed, harmless, terminal)
    for sample in record.not_drilled:
        say(f"NOT DRILLED  {sample}", err=as_json)
    if as_json:
        say_json(record.as_json())
    else:
        show(record, terminal.out)
    below = [] if at_least is None else record.below(at_least, each=each)
    for line in below:
        say(f"BELOW  {line}", err=as_json)
    return 1 if below or record.not_drilled else 0


def _drilled(policy_set: PolicySet, names: Sequence[str], folder: Path) -> list[Policy]:
    """The active policies of those ids; all without any. Raises `UsageError` for an id that there is not."""
    active = {policy.id: policy for policy in policy_set.active}
    off = {policy.id for policy in policy_set.policies} - set(active)
    for name in names:
        if name in active:
            continue
        if name in off:
            raise UsageError(
                f"the policy {name!r} is off, so nothing is scored by it; write 'mode: shadow' to drill it"
            )
        if Path(name).is_dir():
            raise UsageError(f"{name} is a folder: name it with --policies, and policies by their ids")
        near = get_close_matches(name, active, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(active) or 'none'}"
        raise UsageError(f"{folder}: no policy is called {name!r}; {hint}")
    return [active[name] for name in dict.fromkeys(names)] if names else list(active.values())


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


def _record(
    settings: Settings,
    judge: assembly.Judge,
    ready: Ready,
    tricks: Sequence[Trick],
    seed: int,
    harmless: bool,
    terminal: Terminal,
) -> Record:
    every = plays([each for each in ready.drilled if harmless or each.sample.must_flag], tricks)
    with terminal.counting("drilling", len(every)) as counter:
        attempts = run_drill(settings, judge, every, counter.advance)
    return Record(
        seed,
        judge.model.encoder.spec,
        judge.model.decoder.name,
        judge.live().policy_set.version,
        tricks,
        attempts,
        [each for each in ready.not_drilled if harmless or each.must_flag],
    )
