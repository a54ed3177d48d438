"""A drill as one HTML page, with what hid the thing best, policy by policy."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from html import escape
from itertools import islice

from PIL import Image

from pipeline.lab.evasion.attempts import Attempt, Tally, by_trick
from pipeline.lab.evasion.opening import thumbnail
from pipeline.lab.evasion.record import PolicyDrill, Record
from pipeline.lab.evasion.saved import saved
from pipeline.lab.evasion.trick import Trick
from pipeline.lab.evasion.words import percent, points
from pipeline.lab.pages import document, note, rows, section

SIDE = 160
"""Pixels of a picture's longer side on the page."""
MOST = 24
"""Tricks with a picture, of each policy."""

Made = Callable[[Attempt, Trick], bytes]
"""Makes once more the image file that was judged."""


def page(record: Record, made: Made) -> str:
    sections = [
        _policies(record),
        _tricks(record),
        *(_hidden(policy, record, made) for policy in record.policies),
        _left_out(record),
    ]
    model = f"{record.model.name}@{record.model.fingerprint} {record.model.dtype} {record.preprocess}"
    return document(
        f"Drill of the policies {record.policy_set}",
        record.in_words,
        model,
        _headline(record),
        filter(None, sections),
    )


def _headline(record: Record) -> Iterator[tuple[str, str, str]]:
    yield "Still flagged", percent(record.flags.flagged), "by any action of the policy's own"
    yield "As severely", percent(record.flags.kept), "as the untouched sample"
    yield "Score lost", points(record.flags.lost), "on average"
    if record.harmless.attempts:
        yield "Falsely flagged", percent(record.harmless.flagged), "of samples that must pass"


def _policies(record: Record) -> str:
    table = rows(
        ("policy", "samples", "flagged", "kept", "lost", "harmless", "weakest trick"),
        [
            (
                policy.policy,
                f"{policy.samples}",
                *_figures(policy.flags, policy.harmless),
                f"{policy.weakest[0]}, {percent(policy.weakest[1].flagged)}" if policy.weakest else "-",
            )
            for policy in sorted(record.policies, key=lambda each: (each.flags.flagged is None, each.flags.flagged))
        ],
        figures=range(1, 6),
    )
    return section(
        "Which policy is easiest to get past?",
        table,
        note(
            "Flagged is the share that the policy still matches, with any action; kept is the share that keeps its "
            "severest action; lost is the score lost on average; harmless is the share of the samples that must "
            "pass which the same tricks made the policy flag."
        ),
    )


def _tricks(record: Record) -> str:
    harmless = by_trick(record.harmless.attempts)
    known = {trick.name: trick for trick in record.tricks}
    table = rows(
        ("trick", "flagged", "kept", "lost", "harmless", "what it does", "the thing is seen"),
        [
            (
                name,
                *_figures(tally, harmless.get(name, Tally([]))),
                known[name].words(known[name].strengths[-1]),
                known[name].seen,
            )
            for name, tally in by_trick(record.flags.attempts).items()
        ],
        figures=range(1, 5),
    )
    return section("Which trick hides most?", table, note("What it does is told for its greatest strength."))


def _figures(tally: Tally, harmless: Tally) -> tuple[str, ...]:
    return percent(tally.flagged), percent(tally.kept), points(tally.lost), percent(harmless.flagged)


def _hidden(policy: PolicyDrill, record: Record, made: Made) -> str:
    """The attempt of each trick that took most of the score, for the tricks under which something was missed."""
    weak = (tally for tally in policy.tricks.values() if tally.falls_below(1))
    worst = [(tally, tally.worst) for tally in islice(weak, MOST) if tally.worst is not None]
    title = f"What hides from {policy.policy}?"
    if not worst:
        return section(title, note("Nothing: every picture was still flagged.")) if policy.flags.judged else ""
    known = {trick.name: trick for trick in record.tricks}
    figures = "".join(_figure(tally, attempt, known[attempt.trick], made) for tally, attempt in worst)
    return section(title, f"<div class=pictures>{figures}</div>")


def _figure(tally: Tally, attempt: Attempt, trick: Trick, made: Made) -> str:
    score, does = attempt.score or 0.0, trick.words(attempt.strength)
    action = attempt.action or "not flagged"
    said = [
        f"{percent(tally.flagged)} flagged",
        f"{attempt.sample.name}: {attempt.sample.score:.2f} {attempt.sample.action} → {score:.2f} {action}",
        does,
    ]
    picture = _data(thumbnail(made(attempt, trick), SIDE))
    lines = "".join(f"<div>{escape(line)}</div>" for line in said)
    return (
        f'<figure><img src="{picture}" alt="{escape(attempt.sample.name)}, {escape(does)}">'
        f"<figcaption><b>{escape(attempt.trick)}</b>{lines}</figcaption></figure>"
    )


def _data(picture: Image.Image) -> str:
    return f"data:image/webp;base64,{b64encode(saved(picture, 'WEBP', quality=70)).decode()}"


def _left_out(record: Record) -> str:
    blocks = [note(line) for line in (*map(str, record.not_drilled), *record.dead_letters)]
    return section("What could not be judged?", *blocks) if blocks else ""
