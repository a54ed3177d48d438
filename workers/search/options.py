"""What a search may be told on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

LEAST = 0.5
"""The default least score of words: below it, all else that the background names describes the image better."""

Words = Annotated[
    list[str] | None, typer.Argument(help="What the image shows, in a policy's words; one of them is enough.")
]
Unless = Annotated[list[str] | None, typer.Option(help="...unless this describes it better.")]
Pictures = Annotated[list[Path] | None, typer.Option(help="A picture on disk that it is like.")]
Like = Annotated[list[str] | None, typer.Option(help="An archived image that it is like, by its id.")]
OfVerdict = Annotated[list[str] | None, typer.Option(help="Of this verdict alone; may be repeated.")]
OfPolicy = Annotated[list[str] | None, typer.Option(help="That matched this policy, enforced or in shadow.")]
OfSubject = Annotated[str | None, typer.Option(help="Of this subject alone.")]
MinScore = Annotated[
    float | None, typer.Option(min=0, max=1, help=f"What has less is nothing like it; {LEAST:g} for words.")
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Lines at most.")]
Alike = Annotated[float, typer.Option(min=0, max=1, help="Cosine from which on images are folded into one line.")]
Unfolded = Annotated[bool, typer.Option("--unfolded", help="A line for every image, however alike.")]
AsPolicy = Annotated[
    str | None, typer.Option(metavar="NAME", help="Write the words as a policy in shadow mode; show its backtest.")
]
Sheet = Annotated[Path | None, typer.Option(help="Write a contact sheet, one page with the thumbnails.")]
Part = Annotated[
    str | None,
    typer.Option("--shard", metavar="K/N", help="Search the K-th of N shares of the segments; print a part."),
]
Parts = Annotated[
    list[Path] | None, typer.Option("--merge", help="A part that --shard printed: give all N, and nothing else.")
]
