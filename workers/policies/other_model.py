"""Warnings of thresholds that were set for another model than the one that scores, which fit it by chance at best."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from pipeline.ports import Hooks
from pipeline.rules.policies.policy_set import CalibratedFor
from workers.terminal.plain import say

REMEDY = "set them for this model with 'sluice policy calibrate', or go back to the model that they were set for"

_log = structlog.get_logger(__name__)


class LogOtherModel(Hooks):
    """Logs a warning for each policy set that goes live with such thresholds."""

    def calibrated_for_another_model(self, policies: Mapping[str, CalibratedFor]) -> None:
        if policies:
            set_for = sorted({str(model) for model in policies.values()})
            _log.warning(
                "policies_calibrated_for_another_model", policies=list(policies), set_for=set_for, remedy=REMEDY
            )


class SayOtherModel(Hooks):
    """Prints a line on stderr, once however many workers load the same policies."""

    def __init__(self) -> None:
        self._said: Mapping[str, CalibratedFor] = {}

    def calibrated_for_another_model(self, policies: Mapping[str, CalibratedFor]) -> None:
        if policies and policies != self._said:
            set_for = ", ".join(sorted({str(model) for model in policies.values()}))
            say(
                f"sluice: the thresholds of {', '.join(policies)} were set for another model ({set_for}): {REMEDY}",
                err=True,
            )
        self._said = policies
