"""Standings of policies in this process's memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.rules.limits.standing import Standing


class MemoryStandings:
    """`Standings` in a dictionary. With `away`, it does not answer and keeps nothing."""

    def __init__(self) -> None:
        self.away = False
        self._kept: dict[str, Standing] = {}

    def get(self, names: Sequence[str]) -> dict[str, Standing] | None:
        return None if self.away else {name: self._kept[name] for name in names if name in self._kept}

    def put(self, standings: Mapping[str, Standing]) -> None:
        if not self.away:
            self._kept.update(standings)
