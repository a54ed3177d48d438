"""How true are the maps of ``sluice explain``? A table of methods: ``python -m tests.explain``."""
