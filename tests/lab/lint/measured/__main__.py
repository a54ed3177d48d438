"""Measure, and print the table of `policies/README.md`, or write it there: ``python -m tests.lab.lint.measured``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial

from pipeline.adapters.memory import MemoryTextCache
from pipeline.lab.lint.registry import RULES, look
from pipeline.lab.scenes.emoji import Atlas
from tests.lab.lint.measured.by_pictures import by_samples, wins_nothing
from tests.lab.lint.measured.by_words import bound, by_words
from tests.lab.lint.measured.figure import Figure, Flags
from tests.lab.lint.measured.pairs import alike, idle_unless
from tests.lab.lint.measured.subject import Subject, drawn, seen
from tests.lab.lint.measured.without_and_two import Look, counting, negation
from tests.lab.lint.measured.wordings import Tried, all_wordings, tried
from workers import assembly
from workers.policies.lint import made_ready
from workers.settings import SHIPPED_POLICIES, load_settings
from workers.terminal.console import Terminal
from workers.terminal.plain import say

EACH = 4
"""Scenes of each thing."""
PAGE = SHIPPED_POLICIES / "README.md"
BEGIN, END = "<!-- rules of lint -->", "<!-- /rules of lint -->"


def figures(subject: Subject, found: Tried, of: Flags, atlas: Atlas, view: Look) -> Iterator[Figure]:
    """Every rule, by the wordings that `of` says."""
    yield from by_words(subject, found, of)
    yield negation(subject, found, of)
    yield counting(subject, found, of, atlas, view)
    yield from alike(subject, found, of)
    yield from by_samples(subject, found, of)
    yield wins_nothing(subject, found, of)
    yield idle_unless(subject, found, of)


def table(shipped: dict[str, int], measured: Sequence[Figure]) -> str:
    """The rules in their order: what is said of the shipped policies, false alarms, and catches."""
    by_rule = {each.rule: each for each in measured}
    head = "| rule | of the shipped policies | tells, though all is well | tells, where something is wrong |"
    rows = [
        f"| `{rule.name}` | {shipped[rule.name]} | {by_rule[rule.name].harmless} | {by_rule[rule.name].harmful} |"
        for rule in RULES
        if rule.name in by_rule
    ]
    return "\n".join([head, "|---|---|---|---|", *rows])


def with_table(page: str, made: str) -> str:
    """The page with that table between its marks."""
    before, found, rest = page.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise ValueError(f"{PAGE} has no marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def main() -> None:
    """Measure every rule, by the wordings that bounds were chosen by and by those held out."""
    asked = argparse.ArgumentParser(description=main.__doc__)
    asked.add_argument("--each", type=int, default=EACH, help="scenes of each thing")
    asked.add_argument("--write", action="store_true", help="write the table into policies/README.md")
    given = asked.parse_args()
    if given.each < 2:
        asked.error("--each needs two scenes or more: half of them are samples")
    settings, terminal = load_settings({"decode_in": "threads", "policies": SHIPPED_POLICIES}), Terminal()
    model = assembly.load_model(settings, one_caller=True)
    cache = MemoryTextCache()
    shipped = [told.rule.name for told in look(made_ready(settings, model, cache))]
    with terminal.counting("scenes") as counter:
        subject = Subject(model.encoder, drawn(model, given.each, settings.cores, counter.advance))
    found = tried(subject, all_wordings())
    view = partial(seen, model=model, threads=settings.cores, progress=lambda _: None)
    halves = {"chosen by": ~found.held_out, "held out": found.held_out}
    counts = {rule.name: shipped.count(rule.name) for rule in RULES}
    tables = {
        half: table(counts, list(figures(subject, found, of, Atlas.build(), view))) for half, of in halves.items()
    }
    for half, of in halves.items():
        say(f"{half}: {of.sum():,} wordings, {(of & found.works).sum():,} work, {(of & found.fails).sum():,} fail")
        say(*tables[half].splitlines())
    say(f"unknown.LEAST_NEARNESS, by the first: {bound(subject, found, halves['chosen by']):.2f}")
    if given.write:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), tables["held out"]), encoding="utf-8")


if __name__ == "__main__":
    main()
