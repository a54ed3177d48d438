"""``python -m workers`` is ``sluice``."""

from workers.entry import main

main()
