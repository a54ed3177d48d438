"""``python -m pipeline.lab.hands FOLDER`` fetches sets of emoji to train and to measure with."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.lab.hands.fetch import SETS, fetch

if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - the module's name and the folder
        sys.exit("usage: python -m pipeline.lab.hands FOLDER")
    try:
        counts = fetch(Path(sys.argv[1]))
    except UsageError as error:
        sys.exit(str(error))
    for each in SETS:
        use = "only to measure with" if each.measures else "to train with"
        sys.stdout.write(f"{Path(sys.argv[1]) / each.name}: {counts[each.name]:,} drawings, {use} ({each.licence})\n")
