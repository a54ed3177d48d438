"""The promises held against violence: a real Kafka, a real Redis, workers that are killed, a ledger of every event.

::

    python -m tests.chaos --minutes 40 --seed 7

A *rig* is a deployment: broker and Redis, a proxy, workers that a supervisor starts again, a producer that writes
down every acknowledged event. A *schedule* drawn from the seed does *faults* to it, in rounds, and waits after each
round until every partition moves on. At the end the *audit* reads all answers from the start, and says which promise
was broken by what.
"""

from __future__ import annotations
