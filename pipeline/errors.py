"""The error tree, split by what a worker does about each branch.

::

    SluiceError
    +-- UsageError             a person's input is wrong: one line that says what to do, exit status 2
    |   +-- SettingsError      a flag, an environment variable or a line of the config file
    |   +-- PolicyError        a policy file: carries every problem with its file and line
    |   +-- ModelError         an unknown model, a checkpoint that does not fit
    |   `-- ServiceError       a broker, topic, port or folder that a command needs and cannot have
    |       `-- StoreError         an archive's folder or bucket: no permission, not there, not an archive
    |           +-- StoreAwayError     it cannot be reached for now, or is full: try again later
    |           `-- StoreChangedError  an object was replaced while it was read: read it again
    +-- ItemError              dead-letter this one item, go on with the next: carries a `Reason`
    |   +-- LostDecoderError   its decoder died of it, or was ended at a limit
    |   `-- RetryError         hold it and try again, others go on meanwhile; dead-letter it when that takes too long
    `-- StopError              leave without committing: what was in flight will be delivered again
        +-- PublishError       the broker did not acknowledge a decision or a dead letter
        |   `-- RefusedError   it refuses some of them for good: a smaller form may be taken
        `-- EncoderError       the device is gone or in an undefined state
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class SluiceError(Exception):
    """The root of the tree above."""


class UsageError(SluiceError):
    """A person's input is wrong; each line of the message says what is wrong and what to do."""

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(map(str, self.args))

    def __str__(self) -> str:
        return "\n".join(self.lines)


class SettingsError(UsageError):
    """A setting does not hold, be it a flag, an environment variable or a line of the config file."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one file; ``line`` counts from 1, and 0 means the file as a whole."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        """The form is ``policies/weapons.yaml:7: reason``, which editors make clickable."""
        return f"{self.file}:{self.line}: {self.reason}" if self.line else f"{self.file}: {self.reason}"


class PolicyError(UsageError):
    """Policy files do not validate; ``problems`` holds every problem found, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(*map(str, problems))


class ModelError(UsageError):
    """A model cannot be had: its name is unknown, a file is missing, or its weights do not fit."""


class ServiceError(UsageError):
    """A command cannot start, because it lacks something from outside: a broker, topic, port or folder."""


class StoreError(ServiceError):
    """An archive's folder or bucket does not do what is asked of it; the message says what to change."""


class StoreAwayError(StoreError):
    """The store cannot be reached for now, or is full."""


class StoreChangedError(StoreError):
    """An object was replaced or removed while it was being read."""


class Reason(StrEnum):
    """Why an image became a dead letter; the value travels in the ``sluice.reason`` header."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    TOO_MUCH_WORK = "too_much_work"
    TOO_MANY_HEADERS = "too_many_headers"
    DECODE_FAILED = "decode_failed"
    DECODER_DIED = "decoder_died"
    MALFORMED_CLAIM = "malformed_claim"
    FETCH_REFUSED = "fetch_refused"
    FETCH_FAILED = "fetch_failed"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    STAGE_FAILED = "stage_failed"
    ANSWER_REFUSED = "answer_refused"


class ItemError(SluiceError):
    """One image cannot be moderated; it goes to the dead-letter topic and the partition moves on."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class LostDecoderError(ItemError):
    """The process that decoded this image died of it, or was ended because it took too much."""


class RetryError(ItemError):
    """What this item needs from outside is away for now. Where nobody can wait, the item becomes a dead letter."""


class StopError(SluiceError):
    """The worker must stop now and commit nothing more; a restart repeats what was in flight."""


class PublishError(StopError):
    """The broker did not acknowledge; the records may or may not have been written.

    ``index`` is that of the first record in the call of which that holds; None where it is not known.
    """

    def __init__(self, message: str, index: int | None = None) -> None:
        self.index = index
        super().__init__(message)


class RefusedError(PublishError):
    """Some records or answers of a call will never be taken, whatever is tried again; all others are acknowledged.

    ``refused`` maps the index of each that the broker refuses, in that call, to the broker's words. ``unwritten``
    maps the index of each answer that cannot even be written to what was raised instead.
    """

    def __init__(self, refused: Mapping[int, str], unwritten: Mapping[int, Exception] | None = None) -> None:
        self.refused = refused
        self.unwritten = unwritten or {}
        first = next(iter([*refused.values(), *self.unwritten.values()]), "")
        super().__init__(f"Kafka refuses {len(refused) + len(self.unwritten)} records for good: {first}")


class EncoderError(StopError):
    """The encoder's device failed in a way that a retry in this process cannot mend."""
