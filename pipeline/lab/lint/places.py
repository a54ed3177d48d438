"""Where each sentence and threshold of a policy stands in its file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from pipeline.rules.policies.policy_set import Location, Policy
from pipeline.rules.policies.yaml_lines import Located, load

ACCEPTED = "# lint: ok"
"""The comment by which a writer says that a line is meant as it is."""


class Places:
    """The lines of policy files, which hold as policies do."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def of(self, policy: Policy, *place: int | str) -> Location:
        """The place of a key or an entry, such as ``"prompts", 0``; the id and no line where no file is known."""
        if policy.where is None or policy.where.file not in self._files:
            return Location(policy.id)
        return Location(policy.where.file, self._located(policy.where.file).line(place))

    def accepted(self, where: Location) -> bool:
        """Whether a comment on that line says that it is meant so."""
        return where.line > 0 and ACCEPTED in self._text(where.file).splitlines()[where.line - 1]

    def _located(self, file: str) -> Located:
        if file not in self._read:
            self._read[file] = load(self._text(file))
        return self._read[file]

    @cached_property
    def _read(self) -> dict[str, Located]:
        return {}

    def _text(self, file: str) -> str:
        return self._files[file].decode("utf-8-sig")
