"""``sluice demo``: the whole pipeline in one process, on the images that ship with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from pipeline.errors import ServiceError
from pipeline.wire import decision_json
from workers.archive.into import remembering
from workers.archive.options import ArchiveInto
from workers.demo.images import hostile_images, sample_images
from workers.demo.stream import DemoStream
from workers.demo.summary import print_summary, summary
from workers.settings import SHIPPED_POLICIES, Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal


@with_settings("model", "images", "policies", "console", "service", "log")
def demo(
    settings: Settings,
    out: Annotated[Path, typer.Option(help="Where to write the decisions.")] = Path("decisions.jsonl"),
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep a steady stream going, with the console and metrics, until Ctrl-C.")
    ] = False,
    rate: Annotated[float, typer.Option(min=0.1, help="Images a second with --serve.")] = 20.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    archive: ArchiveInto = None,
) -> None:
    """Stream the sample images through two workers on in-memory twins of Kafka and Redis, and sum up.

    With --archive, an archiver beside them keeps what they know of each image, to be asked by `sluice backtest` and
    `sluice search`.
    """
    settings, store = remembering(settings, archive, "demo")
    started = monotonic()
    if not serve:
        with _writing(out):
            out.open("ab").close()  # what cannot be written shows before the work, not after it
    samples = sample_images(SHIPPED_POLICIES / "samples")
    images = samples + hostile_images(samples)
    terminal = Terminal()
    with ExitStack() as held:
        with terminal.status("loading the model and the policies"):
            stream = held.enter_context(DemoStream(settings, store))
        ready = monotonic() - started
        if serve:
            stream.serve(images, rate, terminal)
            return
        stream.send_all(images, terminal)
        answers = stream.finish()
    with _writing(out):
        out.write_bytes(b"".join(decision_json(each) + b"\n" for each in answers.decisions))
    print_summary(summary(answers, ready), out, as_json=as_json)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Turn an error of writing within into a `ServiceError`."""
    try:
        yield
    except OSError as error:
        raise ServiceError(f"cannot write {out}: {error.strerror}; give another place with --out") from error
