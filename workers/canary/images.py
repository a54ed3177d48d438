"""The images of the canaries that are set, each seen to be one before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.disk import read_file
from pipeline.errors import ItemError, SettingsError
from pipeline.ports import Decoder
from pipeline.rules.canaries import Canary
from pipeline.wire import marked
from workers.policies.samples import no_file


def read_canaries(texts: Sequence[str], decoder: Decoder) -> list[tuple[Canary, bytes]]:
    """Each canary with its image. Raises `SettingsError` that names the first whose file is no picture, and why."""
    return [(canary, _image(canary.file, decoder)) for canary in map(Canary.parse, texts)]


def _image(file: str, decoder: Decoder) -> bytes:
    if reason := no_file(Path(file)):
        raise SettingsError(f"canary: {file} {reason}; name a picture, from {Path.cwd()} or by its whole path")
    try:
        image = read_file(file)
        decoder.decode(marked(image, "0" * 32))  # as it will be sent
    except ItemError as error:
        raise SettingsError(f"canary: {file}: {error}; name a picture that a worker can read") from error
    return image
