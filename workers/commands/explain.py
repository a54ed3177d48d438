"""``sluice explain``: why a picture was flagged, or why it was not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec.structs import replace

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import ItemError, ServiceError, UsageError
from pipeline.lab.explain.maps import Map
from pipeline.lab.explain.overlay import png
from pipeline.lab.explain.page import page
from pipeline.lab.explain.record import Explanation
from pipeline.lab.explain.why import Look
from pipeline.rules.times import seconds_of
from workers import assembly
from workers.archive.options import ArchiveAt
from workers.commands.options import AsJson
from workers.explain.explained import asked_for, explained, passes_of, with_maps
from workers.explain.seen import Seen, seen_file
from workers.policies.named import named_policies
from workers.policies.other_model import SayOtherModel
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.explained import show
from workers.terminal.plain import one_line
from workers.terminal.reports import check_writable, write_report

Subject = Annotated[
    str, typer.Argument(metavar="PICTURE|ID", help="A file, or the id of a decision, an event or an image.")
]
Asked = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="ID",
        help="Explain this policy, repeatable; default: those that match, or else the nearest to its threshold.",
    ),
]
Heatmap = Annotated[Path | None, typer.Option(help="Write the map of the first policy to this file, as a PNG.")]
Html = Annotated[Path | None, typer.Option(help="Write all of it to this page, with pictures.")]
NoMap = Annotated[bool, typer.Option("--no-map", help="Show the model no parts of the picture.")]


@with_settings("kafka", "topics", "model", "images", "policies", "fetch", "store", "log")
def explain(
    settings: Settings,
    subject: Subject,
    policy: Asked = None,
    archive: ArchiveAt = None,
    heatmap: Heatmap = None,
    html: Html = None,
    no_map: NoMap = False,
    as_json: AsJson = False,
) -> int:
    """Say why a picture is flagged, or why not: the sentences for and against, and where in the picture.

    A decision's picture is read where its event stands, and judged by the policies of then, where the folder or the
    archive has them. The map shows which part the score comes from, and the score without that part proves it.
    """
    check_writable("--heatmap", heatmap)
    check_writable("--html", html)
    if heatmap and no_map:
        raise UsageError("--heatmap writes the map that --no-map leaves out; give one of them")
    terminal = Terminal()
    seen, look, found, model = _explained(settings, terminal, subject, policy or [], archive)
    maps: dict[str, Map] = {}
    if not no_map and seen.image is not None:
        found, maps = _mapped(terminal, seen, look, found, model)
    if as_json:
        terminal.json(msgspec.json.encode(found).decode())
    else:
        show(found, maps, terminal)
    _write(found, maps, heatmap, html, gone=seen.image is None)
    return 0


def _explained(
    settings: Settings, terminal: Terminal, subject: str, names: list[str], archive: str | None
) -> tuple[Seen, Look, Explanation, assembly.Model]:
    if Path(subject).is_dir():
        raise UsageError(f"{one_line(subject)} is a folder; name one picture")
    if Path(subject).exists():
        named_policies(policies_in(settings.policies), names, settings.policies, "explain")
        with terminal.status("loading the model and the policies"):
            model = assembly.load_model(settings)
            judge = assembly.judge(settings, model, SayOtherModel())
        seen, decision_id, notes = seen_file(settings, judge, Path(subject)), "", list[str]()
        decided_at = seen.decision.decided_at
    else:
        from workers.explain.decided import decision_called, seen_decision  # noqa: PLC0415 - Parquet's library is slow

        try:
            before = decision_called(settings, terminal, archive, subject)
        except ServiceError as error:
            raise ServiceError(
                f"{one_line(subject)} is no file, and as an id it cannot be looked up: {error}"
            ) from error
        if settings.dtype == "auto":
            settings = settings.model_copy(update={"dtype": before.model.dtype})
        with terminal.status("loading the model"):
            model = assembly.load_model(settings)
        (seen, judge, notes), decision_id = seen_decision(settings, model, before, archive), before.decision_id
        decided_at = before.decided_at
    compiled = judge.live().at(seconds_of(decided_at))  # what has expired meanwhile had a say then
    named = named_policies(compiled.policy_set, names, settings.policies, "explain") if names else []
    look = Look.at(seen.signals, compiled)
    found = explained(seen, compiled, asked_for(look, named), look)
    return seen, look, replace(found, decision_id=decision_id, notes=[*notes, *found.notes]), model


def _mapped(
    terminal: Terminal, seen: Seen, look: Look, found: Explanation, model: assembly.Model
) -> tuple[Explanation, dict[str, Map]]:
    with terminal.counting("looking at parts of the picture", passes_of(found, look)) as counter:
        try:
            return with_maps(found, seen, look, model, advance=counter.advance)
        except ItemError as error:
            raise UsageError(
                f"{found.image} cannot be decoded again for its map: {error}; --no-map does without"
            ) from error


def _write(found: Explanation, maps: dict[str, Map], heatmap: Path | None, html: Path | None, *, gone: bool) -> None:
    if html is not None:
        write_report("--html", html, page(found, maps).encode())
    if heatmap is not None:
        first = next(iter(found.policies), None)
        if first is None or first.policy not in maps:
            why = (
                "only its archived features are left, and no picture to lay one over"
                if gone
                else "no policy is active"
            )
            raise UsageError(f"there is no map of {found.image} to write to {heatmap}: {why}")
        write_report("--heatmap", heatmap, png(maps[first.policy].heated))
