"""Are the processes of a machine alive, are they ready: what the supervisor's /healthz and /readyz answer."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from workers.fleet.asking import ask
from workers.fleet.process import Role


class FleetVitals:
    """Its checks return None when all is well, else the process and its reason in one line."""

    def __init__(self, encoder: Role, moderators: Sequence[Role]) -> None:
        self._encoder = encoder
        self._moderators = moderators

    def live(self) -> str | None:
        """Whether all make progress. One that is being started is seen to already, and no reason to restart all."""
        answers = ((role, ask(role.health, "/healthz")) for role in (self._encoder, *self._moderators))
        return next((reason for role, answer in answers if answer and (reason := _reason(role, answer))), None)

    def ready(self) -> str | None:
        """Whether images are answered: the encoder is ready, and at least one moderator.

        Not all of them: moderators beyond the number of partitions are spare, and never ready.
        """
        if reason := self._not_ready(self._encoder):
            return reason
        reasons = []
        for role in self._moderators:
            if (reason := self._not_ready(role)) is None:
                return None
            reasons.append(reason)
        return "; ".join(reasons)

    def encoder_ready(self) -> bool:
        """Whether moderators can be started."""
        return self._not_ready(self._encoder) is None

    def _not_ready(self, role: Role) -> str | None:
        return _reason(role, ask(role.health, "/readyz") or (HTTPStatus.SERVICE_UNAVAILABLE, "it is being started"))


def _reason(role: Role, answer: tuple[int, str]) -> str | None:
    status, text = answer
    return None if status == HTTPStatus.OK else f"{role.name}: {text.strip()}"
