"""The error of a picture that cannot be shown."""


class GoneError(Exception):
    """There is no picture to show; the message says why, to a person."""
