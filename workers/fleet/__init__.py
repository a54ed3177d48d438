"""A whole machine by one command: an encoder process, moderator processes around it, and who watches them.

::

    sluice worker --moderators 4
      supervisor            starts, restarts, stops; /metrics, /healthz and /readyz for all
      +-- encoder           the model on the device
      +-- moderator-1       a member of the consumer group, as a single `sluice worker` is
      +-- ...
      `-- moderator-4

They stop by *lifelines* (`lifeline.py`): pipes that nobody writes to, and whose end tells a process to finish. So
nothing that the supervisor started outlives it, even when it is killed; and the encoder, whose lifeline is also
held by the moderators, is there until the last of them has drained.
"""
