"""Edits of the policy folder go live while the worker runs; an edit that does not hold changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import structlog

from pipeline.adapters.policy_folder import policy_folder_changes
from pipeline.errors import PolicyError
from pipeline.live import LivePolicies

_log = structlog.get_logger(__name__)


@contextmanager
def watched_policies(
    folder: Path, known: Mapping[str, bytes], live: LivePolicies, stop: Event, patience: float
) -> Iterator[None]:
    """Offer every change of the folder since `known` to `live`, on a thread, until the block ends or `stop` is set.

    At the end an edit that is being taken up is waited for, `patience` seconds at most: a process that exits while
    another thread computes inside torch is aborted, and a worker that was told to stop must exit with 0.
    """
    thread = Thread(target=_watch, args=(folder, known, live, stop), name="sluice-policies", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(patience)


def _watch(folder: Path, known: Mapping[str, bytes], live: LivePolicies, stop: Event) -> None:
    for files in policy_folder_changes(folder, stop, known):
        try:
            before = live().policy_set.version
            policy_set = live.offer(files)
        except PolicyError as error:
            for problem in error.problems:
                _log.error("policy_refused", file=problem.file, line=problem.line, reason=problem.reason)
            _log.error("policies_unchanged", live=live().policy_set.version)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next edit must still be taken up
            _log.error(
                "policies_unchanged", live=live().policy_set.version, reason=f"{type(error).__name__}: {error}"
            )
        else:
            if policy_set.version != before:
                _log.info("policies_live", version=policy_set.version, policies=len(policy_set.policies))
