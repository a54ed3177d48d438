"""The samples of a drill: judged untouched as ``sluice policy test`` judges them, and opened as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from PIL import Image

from pipeline.adapters.local.files import file_id
from pipeline.adapters.pillow.heic import open_heic
from pipeline.disk import read_file
from pipeline.disk.read import MOST_BYTES
from pipeline.lab.evasion.attempts import Attempt, Sample, action_of
from pipeline.lab.evasion.opening import as_shown, shown
from pipeline.lab.evasion.record import NotDrilled
from pipeline.lab.evasion.trick import Trick
from pipeline.rules.images.formats import sniff
from pipeline.rules.policies.policy_set import Policy
from pipeline.wire import Decision, PromptEvidence
from workers import assembly
from workers.policies.judged import Kept, judge_samples
from workers.policies.tests import Trial, trials_of
from workers.settings import Settings


@dataclass(frozen=True)
class Drilled:
    """A sample with the picture that tricks are played with."""

    sample: Sample
    policy: Policy
    picture: Image.Image
    others: tuple[Image.Image, ...]
    """Harmless pictures: the samples that the policy must pass, without this one."""
    seed: str

    def played(self, trick: Trick, strength: float) -> bytes:
        """The image file that the trick makes of it."""
        return trick.apply(self.picture, self.others, strength, self.seed)


@dataclass(frozen=True)
class Play:
    """One trick at one strength, to be played with one sample."""

    drilled: Drilled
    trick: Trick
    strength: float

    def make(self) -> bytes:
        return self.drilled.played(self.trick, self.strength)


@dataclass(frozen=True)
class Ready:
    """What is to be drilled, and the samples that cannot be: unread, or not coming out untouched as they must."""

    seed: int
    drilled: Sequence[Drilled]
    not_drilled: Sequence[NotDrilled]

    def plays(self, tricks: Sequence[Trick]) -> list[Play]:
        return [
            Play(each, trick, strength) for each in self.drilled for trick in tricks for strength in trick.strengths
        ]

    def made(self, attempt: Attempt, trick: Trick) -> bytes:
        """The image file of an attempt, made once more."""
        return next(each for each in self.drilled if each.sample is attempt.sample).played(trick, attempt.strength)


def prepare(
    settings: Settings, judge: assembly.Judge, policies: Sequence[Policy], seed: int, *, harmless: bool = False
) -> Ready:
    """Judge and open the samples that the policies must flag and, with `harmless`, those that they must pass."""
    kept = judge_samples(
        settings, judge, {name for policy in policies for name in (*policy.must_flag, *policy.must_pass)}
    )
    drilled: list[Drilled] = []
    not_drilled: list[NotDrilled] = []
    for policy in policies:
        trials = trials_of(policy, settings.policies, kept)
        opened = [_opened(trial, settings.policies, kept) for trial in trials]
        drilled += _drilled(policy, [each for each in opened if isinstance(each, _Opened)], seed)
        not_drilled += [each for each in opened if isinstance(each, NotDrilled)]
    return Ready(
        seed,
        [each for each in drilled if harmless or each.sample.must_flag],
        [each for each in not_drilled if harmless or each.must_flag],
    )


@dataclass(frozen=True)
class _Opened:
    trial: Trial
    picture: Image.Image
    digest: str


def _opened(trial: Trial, folder: Path, kept: Kept) -> _Opened | NotDrilled:
    """The sample as a picture; or why it cannot be drilled."""
    if not trial.passed:
        wanted = f"at least {trial.threshold:g}" if trial.must_flag else f"below {trial.threshold:g}"
        return _not_drilled(trial, trial.problem or f"scores {trial.score:.3f} untouched, wanted {wanted}")
    path = folder / trial.sample
    try:
        image = read_file(str(path), MOST_BYTES)
        frame = _frame(trial.policy, kept.decisions[file_id(path)])
        picture = as_shown(open_heic(image)) if sniff(image) == "HEIC" else shown(image, frame)
    except Exception as error:  # noqa: BLE001 - the path takes files, such as one without its end, that others refuse
        return _not_drilled(trial, f"is judged, but cannot be opened to play tricks with: {error}; save it again")
    return _Opened(trial, picture, sha256(image).hexdigest())


def _drilled(policy: Policy, opened: Sequence[_Opened], seed: int) -> list[Drilled]:
    harmless = {each.trial.sample: each.picture for each in opened if not each.trial.must_flag}
    return [
        Drilled(
            _sample(each.trial, policy),
            policy,
            each.picture,
            tuple(picture for name, picture in harmless.items() if name != each.trial.sample),
            f"{seed}/{policy.id}/{each.digest}",
        )
        for each in opened
    ]


def _sample(trial: Trial, policy: Policy) -> Sample:
    score = trial.score or 0.0
    return Sample(policy.id, trial.sample, trial.must_flag, score, action_of(policy, score))


def _frame(policy: str, decision: Decision) -> int:
    """The frame that scored highest for the policy; the first where it did not match."""
    matches = [match for match in (*decision.matches, *decision.shadow) if match.policy == policy]
    views = [match.evidence.view for match in matches if isinstance(match.evidence, PromptEvidence)]
    return views[0].frame if views else 0


def _not_drilled(trial: Trial, problem: str) -> NotDrilled:
    return NotDrilled(trial.policy, trial.sample, trial.must_flag, problem, trial.named_at)
