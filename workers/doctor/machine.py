"""The machine: settings, clock, disk, shared memory, and the port that metrics are served on."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Mapping
from errno import EADDRINUSE
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from pipeline.adapters.local.last_good import LastGood
from pipeline.errors import ServiceError
from workers.doctor.finding import Finding, fail, ok, warn
from workers.services import kafka_connection, redis_connection
from workers.settings import Settings
from workers.settings.environment import config_file
from workers.settings.mistakes import unknown_variables

SKEW = 1.0
"""Seconds between two clocks at which the ages of events begin to mislead."""
REFUSED_SKEW = 3600.0
"""Seconds: Kafka refuses records from further ahead, unless it is told otherwise."""
LEAST_FREE = 100 << 20
LEAST_SHARED = 256 << 20
"""Bytes of /dev/shm for pixels between processes."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the place itself is looked at
_ANSWER = 3.0


def config(settings: Settings) -> Finding:
    """The settings hold, or no command would have begun; what is left is what changes nothing."""
    fields = Settings.model_fields
    changed = sum(value != fields[name].get_default(call_default_factory=True) for name, value in settings)
    file = config_file()
    found = f"{changed} settings are not the defaults" + (f"; {file}" if file else "")
    if unknown := unknown_variables(fields):
        return warn("; ".join([found, *unknown]), "correct or unset them: sluice config show lists all")
    return ok(found)


def clock(settings: Settings) -> Finding:
    """Ours against those of Kafka and Redis, as far as they tell."""
    told = {"Kafka": _kafka_ahead(settings), "Redis": _redis_ahead(settings)}
    ahead = {name: by for name, by in told.items() if by is not None}
    if not ahead:
        return warn("neither Kafka nor Redis tells the time", "see that this machine's clock is kept by NTP")
    return _compared(ahead)


def _compared(ahead: Mapping[str, float]) -> Finding:
    found = ", ".join(f"{name} is {abs(by):.1f} s {'ahead' if by > 0 else 'behind'}" for name, by in ahead.items())
    worst = max(map(abs, ahead.values()))
    todo = "keep all clocks by NTP: ages of events and latencies are wrong by as much"
    if worst >= REFUSED_SKEW:
        return fail(found, f"{todo}, and Kafka refuses records from the future")
    return warn(found, todo) if worst >= SKEW else ok(found)


def _kafka_ahead(settings: Settings) -> float | None:
    from pipeline.adapters.kafka import look_at_cluster

    connection = kafka_connection(settings)
    try:
        return look_at_cluster(connection).ahead if connection.listening() else None
    except ServiceError:
        return None  # the broker's own check says why


def _redis_ahead(settings: Settings) -> float | None:
    from workers.doctor.redis import ask_time

    redis = redis_connection(settings.model_copy(update={"redis_timeout": _ANSWER}), budget=_ANSWER)
    try:
        return None if redis is None else ask_time(redis).ahead
    except ServiceError:
        return None  # as above
    finally:
        if redis is not None:
            redis.close()


def disk(settings: Settings) -> Finding:
    """Whether the last good policies can be kept."""
    if settings.state is None:
        return warn("no folder for the state", "set --state, for a restart beside policies that do not hold")
    folder = nearest(settings.state)
    free = shutil.disk_usage(folder).free
    found = f"{settings.state}, {free / (1 << 30):.1f} GiB free"
    if why := unwritable(folder):
        todo = "let the worker's user write it, or name another with --state"
        return fail(f"{settings.state} cannot be written: {why}", todo)
    if free < LEAST_FREE:
        return warn(found, "make room: a policy set that cannot be kept is not there after a restart")
    kept = LastGood(settings.state, settings.policies, settings.group).path.exists()
    return ok(f"{found}{', with last good policies of this folder and group' if kept else ''}")


def shared_memory(settings: Settings) -> Finding:
    """Room for the pixels that moderators hand to an encoder."""
    if settings.moderators == 1 and settings.encoder_socket is None:
        return ok("not needed by one process")
    free = shutil.disk_usage(SHARED_MEMORY).free
    found = f"{free / (1 << 20):.0f} MiB free in {SHARED_MEMORY}"
    wanted = LEAST_SHARED * settings.moderators
    if free < wanted:
        return warn(found, f"give the container {wanted >> 20} MiB (--shm-size), or start fewer moderators")
    return ok(found)


def taken(host: str, port: int, setting: str) -> Finding | None:
    """None where something listens at that address; else whether it is free, or why it cannot be had."""
    where = f"{host}:{port}"
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return ok(f"{where} is free")
    except OSError as error:
        if error.errno == EADDRINUSE:
            return None
        return fail(f"{where}: {error.strerror}", f"name an address of this machine with --{setting}")


def metrics_port(settings: Settings) -> Finding:
    """Free to be had, or had by one of ours."""
    host, port = settings.metrics_host, settings.metrics_port
    if host.startswith("/"):
        if why := unwritable(nearest(Path(host).parent)):
            return fail(f"the socket {host} cannot be made: {why}", "let the worker's user write its folder")
        return ok(f"the socket {host}")
    if found := taken(host, port, "metrics-host"):
        return found
    where = f"{host}:{port}"
    ours = _asked(host, port)
    if ours is None:
        return fail(f"{where} is taken by something else", "end it, or take another with --metrics-port")
    return ok(f"{where} is a Sluice process's own, {ours}")


def _asked(host: str, port: int) -> str | None:
    """How a process of ours that listens there is; None where it is none of ours."""
    connection = HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, timeout=_ANSWER)  # noqa: S104
    try:
        connection.request("GET", "/metrics")
        if b"sluice_" not in connection.getresponse().read(1 << 20):
            return None
        connection.close()
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        said = answer.read(1000).decode("utf-8", "replace").strip()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return "which is well" if answer.status == 200 else f"which is not well: {said}"  # noqa: PLR2004 - OK


def nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    folder = folder.absolute()
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def unwritable(folder: Path) -> str | None:
    """Why no file can be made in the folder; None where one can be, and was for a moment."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror
