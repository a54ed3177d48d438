"""Files from strangers, made by the thousand, through the real stages: ``python -m tests.fuzz``."""
