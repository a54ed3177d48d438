"""Documents taken apart: the blocks, links and names in them that a test can hold against the tree.

A shell block is fenced as ``sh``. It is run where the line before it is the comment ``<!-- runs -->``, or
``<!-- runs, status 1 -->`` for a block that ends with that exit status. Markdown shows no comments. In a path,
``NAME`` stands for what the reader puts there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.services.processes import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", ".github/**/*.md", "policies/*.md", "deploy/**/*.md", "pipeline/**/*.md")
    for path in ROOT.glob(pattern)
)

_FENCE = re.compile(
    r"(?:<!-- (?P<mark>[^\n]*) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_IN_TREE = re.compile(r"(?:pipeline|workers|tests|policies|deploy|\.github|\.ci)/[\w./*{}-]*")
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


@dataclass(frozen=True)
class Block:
    """A fenced block, and the comment in the line before it."""

    document: Path
    kind: str
    text: str
    mark: str

    @property
    def status(self) -> int | None:
        """The exit status that it ends with; None where it is not to be run."""
        found = re.fullmatch(r"runs(?:, status (\d+))?", self.mark)
        return int(found[1] or 0) if found else None

    def __str__(self) -> str:
        return f"{self.document}: {self.text.strip().splitlines()[0]}"


@dataclass(frozen=True)
class Document:
    """A page of Markdown; `path` is relative to the root of the tree."""

    path: Path

    @cached_property
    def text(self) -> str:
        return (ROOT / self.path).read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        return [
            Block(self.path, each["kind"], each["text"], each["mark"] or "") for each in _FENCE.finditer(self.text)
        ]

    @cached_property
    def prose(self) -> str:
        """All that stands in no block."""
        return _FENCE.sub("", self.text)

    @cached_property
    def inline(self) -> list[str]:
        """What stands in backticks."""
        return _INLINE.findall(self.prose)

    @cached_property
    def anchors(self) -> set[str]:
        """What a link may name behind a # of this page, as GitHub makes it of the headings."""
        plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(self.prose))
        return {heading.strip().replace(" ", "-") for heading in plain}

    @property
    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    @property
    def commands(self) -> Iterator[list[str]]:
        """The words of every command line of ``sluice``, in blocks and in the prose, with assignments before it."""
        lines = [line for block in self.blocks if block.kind == "sh" for line in block.text.splitlines()]
        for line in (*lines, *self.inline):
            for part in re.split(r"&&|\|", line):
                words = _words(part)
                rest = [word for word in words if not _ASSIGNMENT.fullmatch(word)]
                if rest and rest[0].rpartition("/")[2] == "sluice":
                    yield words

    @property
    def paths(self) -> Iterator[str]:
        """The paths of the tree that it names."""
        shell = [word for block in self.blocks if block.kind == "sh" for word in re.split(r"[\s=]+", block.text)]
        for name in (*self.inline, *shell):
            if _IN_TREE.fullmatch(name) or re.fullmatch(r"[\w./-]+\.py", name):
                yield name


def table_after(document: Document, mark: str) -> list[list[str]]:
    """The cells of the table that follows a comment, row by row, without its head."""
    _, _, rest = document.text.partition(f"<!-- {mark} -->\n")
    lines = rest.splitlines()
    rows = lines[: next((number for number, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # an apostrophe of the prose
        return []
