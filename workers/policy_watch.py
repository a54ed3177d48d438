"""Edits of the policy folder go live while the worker runs; an edit that does not hold changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread

import structlog

from pipeline.adapters.policy_folder import policy_folder_changes
from pipeline.errors import PolicyError, SluiceError
from pipeline.live import LivePolicies

_log = structlog.get_logger(__name__)


def watch_policies(folder: Path, known: Mapping[str, bytes], live: LivePolicies, stop: Event) -> Thread:
    """Start a thread that offers every change of the folder since `known` to `live`, until `stop` is set."""
    thread = Thread(target=_watch, args=(folder, known, live, stop), name="sluice-policies", daemon=True)
    thread.start()
    return thread


def _watch(folder: Path, known: Mapping[str, bytes], live: LivePolicies, stop: Event) -> None:
    for files in policy_folder_changes(folder, stop, known):
        try:
            before = live().policy_set.version
            policy_set = live.offer(files)
        except PolicyError as error:
            for problem in error.problems:
                _log.error("policy_refused", file=problem.file, line=problem.line, reason=problem.reason)
            _log.error("policies_unchanged", live=live().policy_set.version)
        except SluiceError as error:
            _log.error("policies_unchanged", live=live().policy_set.version, reason=str(error))
        else:
            if policy_set.version != before:
                _log.info("policies_live", version=policy_set.version, policies=len(policy_set.policies))
