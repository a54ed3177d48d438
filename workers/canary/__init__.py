"""What is seen of a group of workers from outside: whether known images come back right, and its lag.

::

    sluice canary
      sending.py   a canary of each kind, when it is due      -> images topic
      reading.py   decisions and dead letters, from now on    -> right, wrong, dead letter, missing; seconds
      lag.py       the group's offsets, asked of the broker   -> lag, also while no worker lives

Each works on a thread of its own (`loop.py`), and what they share is `flights.py`.
"""
