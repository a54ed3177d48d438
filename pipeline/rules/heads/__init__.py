"""The heads say how a policy judges an image. Each is one way, with its own evidence; a policy is a set of them."""

from __future__ import annotations

from pipeline.rules.heads.compiled import HEADS, CompiledPolicies, JoinedOpinion, compile_policies
from pipeline.rules.heads.head import SCORE_DIGITS, Compile, Head, Opinion, Texts
from pipeline.rules.heads.stacked import Stacked

__all__ = [
    "HEADS",
    "SCORE_DIGITS",
    "Compile",
    "CompiledPolicies",
    "Head",
    "JoinedOpinion",
    "Opinion",
    "Stacked",
    "Texts",
    "compile_policies",
]
