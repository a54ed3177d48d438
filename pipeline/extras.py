"""How to install what not every installation has."""

from __future__ import annotations


def install(extra: str) -> str:
    """The command for one of our extras. A bare ``sluice`` would fetch a stranger's package: the name is taken."""
    return f"pip install '.[{extra}]' in a checkout of Sluice"
