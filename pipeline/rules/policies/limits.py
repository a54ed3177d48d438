"""``limits: {rate: 0.5%, per: 10m}``: how much a policy may flag, in a policy writer's words."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

MULTIPLE = 2
"""A policy is held once it certainly flags that many times its limit."""
HIGHEST = 0.45
"""The highest limit: from a half on, no number of flagged images is a multiple of it."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
LEAST, MOST = 10.0, 7 * 86_400.0
"""Seconds."""
_RATE = "write a share of the images, such as 0.5%"
_PER = "write a time, such as 10m, 2h or 1d"


def _rate(value: Any) -> float:
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,9})?)\s*%", str(value).strip(), re.ASCII)
    if isinstance(value, bool) or found is None:
        raise _wrong(f"{_shown(value)} is no share; {_RATE}")
    share = float(found[1]) / 100
    if share > 1:
        raise _wrong(f"{str(value).strip()} is more than all images; {_RATE}")
    if share == 0:
        raise _wrong(f"0% would allow no flag at all; {_RATE}, or 'mode: shadow'")
    if share > HIGHEST:
        raise _wrong(f"a policy is held at twice its limit, so write at most {HIGHEST:.0%}, not {str(value).strip()}")
    return share


def _per(value: Any) -> float:
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*([smhd])", str(value).strip(), re.ASCII)
    if isinstance(value, bool) or found is None:
        raise _wrong(f"{_shown(value)} is no time; {_PER}")
    seconds = float(found[1]) * _UNITS[found[2]]
    if not LEAST <= seconds <= MOST:
        raise _wrong(f"{str(value).strip()} is not between 10s and 7d; {_PER}")
    return seconds


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return "a list or braces"
    return "nothing" if value is None else repr(str(value)[:30])


def _wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError("sluice", "{reason}", {"reason": reason})


Rate = Annotated[float, BeforeValidator(_rate)]
"""A share, from a percentage."""
Period = Annotated[float, BeforeValidator(_per)]
"""Seconds, from a number with its unit."""
