"""Programs that the tests fetch: once per machine, kept outside the tree, shared by parallel runs."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def downloaded(name: str, fill: Callable[[Path], None]) -> Path:
    """The folder of that name, which `fill` has filled once; whoever comes second waits for the first."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sluice-tests"
    folder = cache / name
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f"{name.partition('-')[0]}.lock"):
            if not folder.is_dir():
                # Filled beside its place and then renamed: a folder under the final name is always whole.
                partial = folder.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                fill(partial)
                partial.rename(folder)
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
