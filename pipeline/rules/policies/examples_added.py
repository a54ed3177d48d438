"""Examples added to a policy file's text, which keeps every other byte."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pipeline.rules.policies.edits import newline_of
from pipeline.rules.policies.yaml_lines import YamlError, load

Examples = Mapping[str, Sequence[str]]
"""Names or globs of pictures, under ``match`` and ``look_alike``."""


def examples_lines(examples: Examples) -> list[str]:
    """The lines of a policy file that say so."""
    return ["examples:", *(f"  {key}: {json.dumps(list(names))}" for key, names in examples.items() if names)]


def with_examples(content: bytes, examples: Examples) -> bytes:
    """A valid policy file of no examples with these at its end. Raises ``ValueError`` where they cannot be added."""
    text, wanted = content.decode("utf-8"), dict(load(content.decode("utf-8")).value)
    if "examples" in wanted:
        raise ValueError("it has examples already")
    newline = newline_of(text)
    gap = "" if text.endswith(("\n", "\r")) else newline
    edited = text + gap + newline.join([*examples_lines(examples), ""])
    wanted["examples"] = {key: list(names) for key, names in examples.items() if names}
    try:
        if dict(load(edited).value) == wanted:
            return edited.encode()
    except YamlError:
        pass
    raise ValueError("its YAML is so laid out that lines cannot be added at its end")
