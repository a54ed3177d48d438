"""A start does no work that it can do without: no garbage is sought among imports, no library imported unused."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from workers.process.startup import no_collection

HEAVY = ("torch", "open_clip", "kafka", "redis", "httpcore2")


def imported_by(code: str) -> set[str]:
    """Which of the heavy libraries a Python of its own has imported after running that code."""
    script = f"{code}\nimport sys; print(*({HEAVY!r} & sys.modules.keys()))".replace(repr(HEAVY), repr(set(HEAVY)))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split("\n")[-2].split())


def test_the_command_line_and_the_assembly_import_no_heavy_library() -> None:
    assert imported_by("import workers.cli, workers.assembly, workers.scan.report") == set()


def test_help_is_printed_without_a_heavy_library() -> None:
    code = (
        "import sys, workers.cli\nsys.argv = ['sluice', '--help']\ntry: workers.cli.main()\nexcept SystemExit: pass"
    )
    assert imported_by(code) == set()


def test_the_client_of_an_encoder_process_does_without_torch() -> None:
    code = (
        "import workers.assembly, pipeline.adapters.kafka, pipeline.adapters.redis, pipeline.adapters.shared_encoder"
    )
    assert imported_by(code) == {"kafka", "redis"}


@pytest.fixture
def thawed() -> None:
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_the_collector_rests_within_and_leaves_alone_what_was_made() -> None:
    frozen = gc.get_freeze_count()
    with no_collection():
        assert not gc.isenabled()
        made = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= frozen + len(made)
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_the_collector_is_on_again_after_an_error_and_stays_off_where_it_was() -> None:
    with pytest.raises(ValueError, match="no model"), no_collection():
        raise ValueError("no model")
    assert gc.isenabled()
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


def test_as_python_ends_nothing_is_left_frozen_and_it_collects_but_once() -> None:
    code = """
import atexit, gc, workers.process.startup
atexit.register(lambda: print(gc.get_freeze_count(), gc.isenabled()))
with workers.process.startup.no_collection():
    made = [[]]
print(gc.get_freeze_count() > 0, gc.isenabled())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True True", "0 False"]
