"""Are the processes of a machine ready: what the supervisor's /readyz answers."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from workers.fleet.asking import Reply, ask, ask_all
from workers.fleet.process import Role


class FleetVitals:
    def __init__(self, encoder: Role, moderators: Sequence[Role]) -> None:
        self._encoder = encoder
        self._moderators = moderators

    def ready(self) -> str | None:
        """Why no images are answered; None while the encoder is ready, and at least one moderator.

        It does not take all of them: moderators beyond the number of partitions are spare, and never ready.
        """
        roles = [self._encoder, *self._moderators]
        encoder, *moderators = map(_not_ready, roles, ask_all([role.health for role in roles], "/readyz"))
        if encoder or None in moderators:
            return encoder
        return "; ".join(reason for reason in moderators if reason)

    def encoder_ready(self) -> bool:
        """Whether moderators can be started."""
        return _not_ready(self._encoder, ask(self._encoder.health, "/readyz")) is None


def _not_ready(role: Role, reply: Reply) -> str | None:
    status, text = reply or (HTTPStatus.SERVICE_UNAVAILABLE, "it is being started")
    said, *_ = text.splitlines() or [""]
    return None if status == HTTPStatus.OK else f"{role.name}: {said}"
