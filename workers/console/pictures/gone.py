"""Why there is no picture to show: the message says it to a person, the sign in a word where the picture would be."""

from __future__ import annotations

from pipeline.errors import ItemError, Reason, RetryError, SluiceError


class GoneError(Exception):
    """There is no such picture any more."""

    sign = "gone"
    status = 404


class ErasedError(GoneError):
    """Somebody had it erased."""

    sign = "erased"


class NoPictureError(GoneError):
    """What stands there is there, and is no picture."""

    sign = "no picture"


class NotNowError(GoneError):
    """It may be had when it is asked for again."""

    sign = "not now"
    status = 503


def why_none(error: GoneError | SluiceError) -> GoneError:
    """What it says of a picture that it could not be read, fetched or drawn."""
    if isinstance(error, GoneError):
        return error
    if isinstance(error, RetryError) or not isinstance(error, ItemError):
        return NotNowError(str(error))
    kind = GoneError if error.reason == Reason.FETCH_FAILED else NoPictureError
    return kind(f"it cannot be drawn: {error}")
