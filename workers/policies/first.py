"""The policies that a worker starts with: those of its folder, or else the last good ones."""

from __future__ import annotations

import structlog

from pipeline.adapters.local.last_good import LastGood
from pipeline.adapters.local.policy_folder import Reading, policies_in, read_policy_folder
from pipeline.errors import PolicyError
from pipeline.path.live import LivePolicies
from pipeline.ports import Hooks
from pipeline.rules.policies.files import files_of, parse_policies
from workers.policies.watch import log_problems
from workers.settings import Settings

_log = structlog.get_logger(__name__)


def last_good_of(settings: Settings) -> LastGood | None:
    """Where this worker keeps its last good policies; None where no folder for its state is set."""
    return LastGood(settings.state, settings.policies, settings.group) if settings.state else None


def offer_first(settings: Settings, live: LivePolicies, hooks: Hooks, last_good: LastGood | None) -> Reading:
    """Make the folder's policies live, and keep them; where they do not hold, make the last good ones live.

    Returns what is live. Raises `PolicyError` with what is wrong with the folder where none are kept.
    """
    try:
        reading = read_policy_folder(settings.policies)
        policy_set = live.offer(reading.files, reading.assets, settings.policies.as_posix())
    except PolicyError as error:
        kept = last_good.read() if last_good else None
        if last_good is None or kept is None:
            raise
        return _offer_kept(kept, last_good, live, hooks, error)
    if last_good is not None:
        last_good.keep(files_of(policy_set, reading.files), reading.assets)
    return reading


def check_first(settings: Settings) -> None:
    """Raise `PolicyError` where `offer_first` is bound to, as far as that shows without a model."""
    try:
        policies_in(settings.policies)
    except PolicyError:
        last_good = last_good_of(settings)
        kept = last_good.read() if last_good else None
        if kept is None or not _holds(kept):
            raise


def _offer_kept(kept: Reading, last_good: LastGood, live: LivePolicies, hooks: Hooks, error: PolicyError) -> Reading:
    try:
        policy_set = live.offer(kept.files, kept.assets)
    except PolicyError as worse:
        log_problems("last_good_policies_refused", worse.problems)
        raise error from worse
    hooks.policies_from_last_good()
    log_problems("policy_refused", error.problems)
    _log.error(
        "policies_last_good", live=policy_set.version, policies=len(policy_set.policies), file=str(last_good.path)
    )
    return kept


def _holds(kept: Reading) -> bool:
    try:
        parse_policies(kept.files, assets=kept.assets)
    except PolicyError:
        return False
    return True
