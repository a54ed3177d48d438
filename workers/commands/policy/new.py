"""``sluice policy new``: a policy in shadow mode, from words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from workers import assembly
from workers.commands.options import AsJson
from workers.policies.written import place_for, policy_text, write_new
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.plain import say, say_json

Name = Annotated[str, typer.Argument(metavar="NAME", help="The policy's id; the file is NAME.yaml.")]
Words = Annotated[list[str], typer.Argument(metavar="WORDS...", help="What a picture shows that matches.")]
Match = Annotated[list[Path] | None, typer.Option("--match", help="A picture that must be flagged; repeatable.")]
Not = Annotated[list[Path] | None, typer.Option("--not", help="A picture that must pass; repeatable.")]


@with_settings("model", "images", "policies", "log")
def new(
    settings: Settings,
    name: Name,
    words: Words,
    match: Match = None,
    harmless: Not = None,
    as_json: AsJson = False,
) -> int:
    """Write a policy in shadow mode, and say what the model makes of its words.

    How well the model knows each is a figure, and so is how well it knows what is suggested instead. The threshold
    lies above every --not picture, or above neutral sentences. No file is overwritten. Exit status 0: written; what
    `sluice policy lint` says of it is told.
    """
    place_for(settings.policies, name, policy_text(words, (), 0.5, title=name), name)
    from pipeline.lab.lint.registry import look  # noqa: PLC0415 - numpy, and below torch
    from workers.policies.lint import made_ready, seen  # noqa: PLC0415
    from workers.policies.new import as_json as written_json  # noqa: PLC0415
    from workers.policies.new import chosen, known, relative, text_of  # noqa: PLC0415
    from workers.search.phrases import compiled_words  # noqa: PLC0415
    from workers.terminal.knowing import show  # noqa: PLC0415

    folder = settings.policies
    tests = {"must_flag": relative(folder, match or ()), "must_pass": relative(folder, harmless or ())}
    terminal, cache = Terminal(), assembly.text_cache(settings)
    with terminal.status("loading the model and the policies"):
        model = assembly.load_model(settings, one_caller=True)
        pictures = [seen(model, list(map(str, paths or ())), settings.cores) for paths in (match, harmless)]
        compiled = compiled_words(settings, model, cache, words, ())
        threshold = chosen(model, compiled, *pictures)
        text = text_of(words, threshold, tests)
        path = place_for(folder, name, text, name)
        write_new(path, text)
        ready = made_ready(settings, model, cache)
        wordings = known(model, ready, words, pictures[0])
        found = [each for each in look(ready) if each.finding.policy == name]
    if as_json:
        say_json(json.dumps(written_json(path, threshold, wordings, found)))
        return 0
    show(wordings, terminal)
    say(*map(str, found), f"written: {path}")
    return 0
