"""What `sluice policy check` finds out about a folder, without a model.

Tokens are counted without torch, too, but for a model that has a tokenizer of its own. Pictures that policies name
are decoded, as a worker does before it takes a policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.adapters.local.policy_folder import NOTHING, Reading, look_at, not_taken
from pipeline.adapters.token_counts import token_counter
from pipeline.errors import PolicyError, Problem
from pipeline.rules.policies.files import BUILT_IN, parse_policies
from pipeline.rules.policies.lengths import TokenCounter
from pipeline.rules.policies.names import BACKGROUND_SUFFIX
from pipeline.rules.policies.policy_set import PolicySet
from workers.policies.examples import CameTo, as_json
from workers.policies.notes import worth_knowing
from workers.policies.pictures import unreadable
from workers.policies.samples import no_file
from workers.settings import Settings


@dataclass(frozen=True)
class Checked:
    """What a check found: the set where the folder holds one, what is wrong, and what is worth knowing.

    `refused` is what a worker refuses the folder for; it goes on with a set in which other things are wrong.
    """

    policy_set: PolicySet | None
    refused: list[Problem]
    beside: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    @property
    def problems(self) -> list[Problem]:
        """All that is wrong."""
        return [*self.refused, *self.beside]

    @property
    def exit_status(self) -> int:
        return 2 if self.problems else 0

    def as_json(self, came: Mapping[str, CameTo]) -> dict[str, object]:
        """What ``--json`` prints; `came` is what examples came to, where a model has looked at them."""
        return {
            "problems": [asdict(each) for each in self.problems],
            "notes": [asdict(each) for each in self.notes],
            "version": self.policy_set.version if self.policy_set else None,
            "policies": [
                {
                    "id": policy.id,
                    "mode": policy.mode,
                    "version": policy.version,
                    "actions": dict(policy.actions),
                    "calibrated": asdict(policy.calibrated) if policy.calibrated else None,
                    "examples": as_json(policy, came.get(policy.id)) if policy.examples.pictures else None,
                }
                for policy in (self.policy_set.policies if self.policy_set else ())
            ],
        }


def check_folder(settings: Settings, edited: Mapping[str, bytes] = NOTHING) -> Checked:
    """Read the folder as a worker does, count tokens for the model of the settings, look for samples and stray files.

    Files that are `edited`, by name, count as if they were saved. Raises `ModelError` for a model that is not there.
    """
    folder = settings.policies
    reading = look_at(folder, edited=edited)
    refused, beside, policy_set = [*reading.problems], [*reading.slips], None
    notes: list[Problem] = []
    if not reading.problems:
        try:
            counter = token_counter(settings.model, _own_tokenizer)
            policy_set = parse_policies(reading.files, counter, reading.assets, folder.as_posix())
        except PolicyError as error:
            refused += error.problems
        else:
            refused += unreadable(settings, policy_set, reading.assets)
            away = [*_missing_samples(folder, policy_set)]
            if away and _without_samples(folder, policy_set):
                notes.append(_no_samples(folder, len(away)))
            else:
                beside += away
    notes += [
        *_strays(folder, reading, policy_set),
        *(worth_knowing(folder, policy_set, reading.files) if policy_set else ()),
    ]
    return Checked(policy_set, refused, beside, notes)


def _own_tokenizer(model: str) -> TokenCounter:
    from pipeline.adapters.open_clip import load_tokenizer  # noqa: PLC0415 - seconds of torch

    tokenizer = load_tokenizer(model)
    return TokenCounter(tokenizer.count_tokens, tokenizer.context_length)


def _missing_samples(folder: Path, policy_set: PolicySet) -> Iterator[Problem]:
    for policy in policy_set.policies:
        for (_, sample), where in policy.samples.items():
            if wrong := no_file(folder / sample):
                yield where.problem(f"the sample {sample} {wrong}; samples are files, relative to this one")


def _without_samples(folder: Path, policy_set: PolicySet) -> bool:
    """Whether no place where samples lie is there, as in a ConfigMap, which takes no subfolder: none is mistyped."""
    samples = {folder / sample for policy in policy_set.policies for _, sample in policy.samples}
    return all(no_file(each.parent) == "is not there" for each in samples)


def _no_samples(folder: Path, count: int) -> Problem:
    said = f"none of {count} samples is here, nor their folder, and sluice policy test cannot run here"
    return Problem(folder.as_posix(), 0, said)


def _strays(folder: Path, reading: Reading, policy_set: PolicySet | None) -> Iterator[Problem]:
    """The files of the folder that have no part in the set."""
    policies = policy_set.policies if policy_set else ()
    named = (*(sample for policy in policies for _, sample in policy.samples), *reading.assets)
    samples = {name.removeprefix("./").partition("/")[0] for name in named}
    yield from (each for each in not_taken(folder) if Path(each.file).name not in samples)
    if policy_set is None:
        return
    for path in reading.files:
        is_text = path != BUILT_IN and path.endswith(BACKGROUND_SUFFIX) and Path(path).name not in samples
        if is_text and path != policy_set.defaults.background_file:
            yield Problem(path, 0, "not used: _defaults.yaml does not name it as the background")
