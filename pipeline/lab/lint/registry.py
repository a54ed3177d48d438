"""Every rule, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.lab.lint import against, alike, shown, unknown, wording
from pipeline.lab.lint.finding import Finding, Rule
from pipeline.lab.lint.folder import Folder

RULES: tuple[Rule, ...] = (
    Rule("unknown-words", unknown.unknown, "the model does not seem to know a prompt's words"),
    Rule("kind", wording.kinds, "a prompt names a kind of things, and no thing"),
    Rule("negation", wording.negation, "a line says what is not there"),
    Rule("counting", wording.counting, "a prompt counts"),
    Rule("near-background", against.fights, "a line of the background is near a prompt, and is not left out"),
    Rule("two-policies", alike.elsewhere, "a prompt is the same to the model as one of another policy"),
    Rule("in-the-way", shown.in_the_way, "one line alone keeps samples from being flagged that must be"),
    Rule("unreached", shown.unreached, "no score reaches a threshold"),
    Rule("quiet", shown.quiet, "no score of a stream reaches any threshold of a policy", note=True),
    Rule("wins-nothing", shown.idle_prompts, "a prompt describes no flagged picture best", note=True),
    Rule("duplicate", alike.duplicates, "two lines of a list are the same to the model", note=True),
    Rule("idle-unless", against.idle, "'unless' lines that change nothing", note=True),
)
"""In the order in which they matter."""


class Told(NamedTuple):
    """A finding and the rule that it is of."""

    rule: Rule
    finding: Finding

    def __str__(self) -> str:
        return f"{'note: ' if self.rule.note else ''}{self.finding} [{self.rule.name}]"

    def as_json(self) -> dict[str, Any]:
        """As ``--json`` has it, of lint and of a new policy."""
        where = self.finding.where
        return {
            "rule": self.rule.name,
            "note": self.rule.note,
            "policy": self.finding.policy,
            "file": where.file,
            "line": where.line,
            "about": self.finding.about,
            "reason": self.finding.reason,
            "remedy": self.finding.remedy,
        }


def look(folder: Folder, rules: Sequence[Rule] = RULES) -> list[Told]:
    """What the rules find, by file and line; what a writer has accepted is left out."""
    told = [Told(rule, finding) for rule in rules for finding in rule.look(folder)]
    kept = [each for each in told if not folder.places.accepted(each.finding.where)]
    return sorted(kept, key=lambda each: (each.finding.where.file, each.finding.where.line))
