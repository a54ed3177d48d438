"""``sluice bench api``."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pipeline.adapters.memory import MemoryFeatureCache, MemoryTextCache
from pipeline.ports import Hooks
from workers import assembly
from workers.assembly import Judge
from workers.bench.api.measure import Round, rounds
from workers.bench.api.report import as_record, as_table
from workers.bench.budget import Budget
from workers.bench.watched import watched
from workers.settings import Settings
from workers.terminal.console import Screen
from workers.terminal.plain import say_json


def run(settings: Settings, images: Sequence[bytes], budget: Budget, *, as_json: bool) -> None:
    """Measure the API beside its path, and print what was measured in the time that there is."""
    found = list[Round]()

    def measure() -> None:
        budget.say("loading the model and the policies")
        model = assembly.load_model(settings)
        judge = assembly.judge(settings, model, Hooks(), MemoryTextCache())
        forgetful = Judge(judge.model, judge.reading, judge.live, MemoryFeatureCache(0))
        for each in rounds(settings, forgetful, images, budget.say):
            found.append(each)

    def show() -> None:
        if not found:
            return
        if as_json:
            say_json(json.dumps(as_record(found), indent=2))
        else:
            Screen().print(as_table(found))

    watched(measure, budget, show)
