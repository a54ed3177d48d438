"""The machine: settings, clock, disk, memory, and the port that metrics are served on."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from errno import EADDRINUSE
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from pipeline.adapters.local.last_good import LastGood
from pipeline.errors import ServiceError
from workers.doctor.finding import Finding, fail, ok, warn
from workers.services import kafka_connection, redis_connection
from workers.settings import Settings
from workers.settings.control_groups import ROOT, control_groups
from workers.settings.environment import config_file
from workers.settings.mistakes import unknown_variables

SKEW = 1.0
"""Seconds between two clocks at which the ages of events begin to mislead."""
REFUSED_SKEW = 3600.0
"""Seconds: Kafka refuses records from further ahead, unless it is told otherwise."""
LEAST_FREE = 100 << 20
NO_LIMIT = 1 << 60
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


def memory(settings: Settings, root: Path = ROOT) -> Finding:
    """Whether decoders that all take what they may stay below the limit at which this container ends."""
    limit = min(filter(None, map(_memory_limit, control_groups("memory", root))), default=None)
    wanted = settings.cores * settings.decode_memory
    most = f"{settings.cores} cores decode images of up to {_gib(settings.decode_memory)} each"
    if settings.decode_in == "threads":
        most, wanted = "images are decoded in the worker", 0
    if limit is None:
        return ok(f"no limit for this container; {most}")
    found = f"{_gib(limit)} at most for this container; {most}"
    if limit < wanted:
        return warn(found, f"give it over {_gib(wanted)}, or fewer --cores, or a smaller --decode-memory")
    return ok(found)


def _memory_limit(group: Path) -> int | None:
    """Bytes that a group may use; None without a limit, which version 1 says by a number beyond any machine's."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            limit = int((group / name).read_text())
            return limit if limit < NO_LIMIT else None
    return None


def _gib(size: float) -> str:
    return f"{size / (1 << 30):.3g} GiB"


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
