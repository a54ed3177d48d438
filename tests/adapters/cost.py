"""What decoding costs, measured: each file in a process of its own, forked from one that is warm.

python -m tests.adapters.cost fast FILE...
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import ItemError


@dataclass(frozen=True)
class Cost:
    """CPU seconds, the most bytes of memory at once above what was there before, and what came of it."""

    seconds: float
    memory: int
    outcome: str
    """The reason of a refusal, or ``decoded``."""
    words: str


def cost(folder: Path, files: Sequence[bytes], preprocess: str = "fast") -> list[Cost]:
    """The cost of decoding each of the files with default limits."""
    paths = []
    for index, file in enumerate(files):
        paths.append(folder / f"{index}")
        paths[-1].write_bytes(file)
    command = [sys.executable, "-m", "tests.adapters.cost", preprocess, *map(str, paths)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return [Cost(**json.loads(line)) for line in ended.stdout.splitlines()]


def _measure(decoder: PillowDecoder, path: str) -> Cost:
    image = Path(path).read_bytes()
    before, started = _peak(), time.process_time()
    outcome, words = "decoded", ""
    try:
        decoder.decode(image)
    except ItemError as error:
        outcome, words = error.reason.value, str(error)
    return Cost(time.process_time() - started, _peak() - before, outcome, words)


def _peak() -> int:
    """The most bytes that this process has had in memory."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _main(preprocess: str, paths: Sequence[str]) -> None:
    from tests import images
    from tests.adapters.pillow.test_decoder import spec

    warnings.simplefilter("error")  # Pillow's warnings would be lines in a worker's log
    decoder = PillowDecoder(spec(224), preprocess=preprocess)  # type: ignore[arg-type]
    decoder.decode(images.encoded(images.photograph(160, 120), "JPEG"))
    for path in paths:
        child = os.fork()
        if not child:
            print(json.dumps(vars(_measure(decoder, path))), flush=True)  # noqa: T201
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
