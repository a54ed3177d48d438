"""``python -m workers`` is ``sluice``."""

from workers.cli import main

main()
