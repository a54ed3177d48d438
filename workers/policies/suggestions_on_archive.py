"""What proposed lines would have done to everything that the archive remembers."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.archive.archive import Archive, Segment
from pipeline.lab.backtest.engine import Question
from pipeline.lab.backtest.record import Asked
from pipeline.lab.reviews.suggestions import Change
from pipeline.rules.times import Window
from workers import assembly
from workers.assembly import Judge
from workers.backtest.run import bytes_of, run
from workers.policies.suggestions import Suggested, alone, with_changes
from workers.settings import Settings
from workers.terminal.console import Terminal


def counted(
    settings: Settings,
    archive: Archive,
    segments: Sequence[Segment],
    window: Window,
    judge: Judge,
    found: Suggested,
    changes: Sequence[Change],
) -> tuple[int, int]:
    """How many images the policy would newly flag with these lines, and how many it would let go."""
    policy_set = judge.live().policy_set
    after = judge.live.compiled(alone(policy_set, with_changes(found.policy, changes)))
    question = Question(after, found.now, found.policy.id, 0)
    model = judge.model
    asked = Asked(
        archive=archive.store.address,
        model=model.encoder.spec.name,
        fingerprint=model.provenance.model.fingerprint,
        preprocess=model.provenance.preprocess,
        policies=str(settings.policies),
        policy_set=after.policy_set.version,
        nearest=0,
    )
    screen = assembly.screen(settings, question.sets)
    with Terminal().counting("judging, bytes", bytes_of(segments)) as counter:
        record = run(archive, segments, question, asked, window, None, counter.advance, screen)
    moves = next(each.moves for each in record.policies if each.policy == found.policy.id)
    return moves.new, moves.let_go
