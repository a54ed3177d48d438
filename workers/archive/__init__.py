"""An archive as commands are given one: where it lies, from when to when, and what is said when nothing is there."""

from __future__ import annotations
