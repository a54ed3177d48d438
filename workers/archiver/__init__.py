"""The archiver: from the features and reviews topics into an archive.

::

    poll -> Keeper (pipeline/archive/keeping/keeper.py) -> files in the store -> commit what they hold

`loop.py` is what it does all day, `run.py` puts it together for ``sluice archive run``.
"""
