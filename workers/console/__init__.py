"""``sluice console``: the pages that people keep open. How one is added is told in `pipeline/README.md`."""
