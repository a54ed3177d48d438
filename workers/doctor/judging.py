"""What judges: the model and the policies."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import Problem
from workers.doctor.finding import Finding, fail, ok, warn
from workers.settings import Settings

ENCODER_PATIENCE = 5.0


def model(settings: Settings) -> Finding:
    """Load it as a worker does, or ask the process that serves it for a sentence's features."""
    if settings.encoder_socket is not None:
        return _encoder(settings)
    from workers import assembly

    spec = assembly.load_model(settings, one_caller=True).encoder.spec
    found = f"{spec.name}@{spec.fingerprint}, {spec.dtype}"
    if settings.model != "bundled" and settings.pretrained is None and not settings.model.startswith("local-dir:"):
        return warn(f"{found}, with random weights", "name weights with --pretrained")
    return ok(found)


def _encoder(settings: Settings) -> Finding:
    from pipeline.adapters.shared_encoder import SharedEncoder

    assert settings.encoder_socket is not None  # noqa: S101 - as asked before
    encoder = SharedEncoder(settings.encoder_socket, patience=ENCODER_PATIENCE, answer=ENCODER_PATIENCE)
    try:
        encoder.encode_texts(["a trial"])
        spec = encoder.spec
    finally:
        encoder.close()
    return ok(f"the encoder at {settings.encoder_socket} answers: {spec.name}@{spec.fingerprint}, {spec.dtype}")


def _first_of(problems: Sequence[Problem]) -> str:
    more = len(problems) - 1
    return f"{problems[0]} and {more} more" if more else str(problems[0])


def policies(settings: Settings) -> Finding:
    """As `sluice policy check` sees them."""
    from workers.policies.check import check_folder

    checked = check_folder(settings)
    if checked.refused:
        todo = "sluice policy check names all; until then the last good policies decide, if there are any"
        return fail(_first_of(checked.refused), todo)
    if checked.policy_set is None:
        return fail(f"{settings.policies} holds no policy set", "name a folder of policies with --policies")
    every = checked.policy_set.policies
    found = (
        f"{len(every)} policies, {len(checked.policy_set.active)} of them active, set {checked.policy_set.version}"
    )
    if checked.beside:
        todo = "this set decides meanwhile; sluice policy check names all"
        return warn(f"{found}; {_first_of(checked.beside)}", todo)
    if checked.notes:
        return warn(f"{found}; {checked.notes[0]}", "sluice policy check says more")
    return ok(found)
