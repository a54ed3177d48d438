"""How the archiver tells whoever listens what happens, such as metrics."""

from __future__ import annotations

KINDS = ("features", "reviews", "unreadable")
"""What files hold, of which a record each was made."""
WORKS = ("retention", "merge", "sweep")
"""How an archive is tidied: old days leave, small segments are merged, and those go that this has made void."""


class ArchiveHooks:
    """No-op methods: override those that you listen to. They must not block."""

    def taken(self, records: int, value_bytes: int) -> None:
        """That many records came out of the topics."""

    def written(self, kind: str, events: int, rows: int, file_bytes: int, newest: float, seconds: float) -> None:
        """A file of one of `KINDS` is durable, which took `seconds`.

        `newest` is the time of its last record, in seconds since 1970.
        """

    def taken_by_another(self, kind: str) -> None:
        """A file was there already, made by another archiver or before a restart."""

    def left_out(self, why: str, records: int) -> None:
        """Nothing is kept of that many records: ``kept`` before, or a ``repeat`` of an event."""

    def unreadable(self, topic: str) -> None:
        """A record cannot be read, and is put aside."""

    def policies_kept(self) -> None:
        """A policy set that went live is kept."""

    def open(self, segments: int, value_bytes: int, oldest: float) -> None:
        """So much is at hand that no file holds; the oldest for `oldest` seconds."""

    def store_failed(self) -> None:
        """The store could not be reached, or was full."""

    def store_back(self) -> None:
        """It answers again."""

    def purged(self, rows: int) -> None:
        """Rows of what is erased were found, left by one that was killed or had just written them, and taken out."""

    def tidied(self, work: str, files: int, file_bytes: int, seconds: float) -> None:
        """One of `WORKS` is done with that many files; those that were merged, or that are gone."""

    def tidy(self, left: int) -> None:
        """All is tidy by now, but for so many chains with a damaged segment."""

    def not_tidied(self) -> None:
        """The store has refused something meanwhile."""
