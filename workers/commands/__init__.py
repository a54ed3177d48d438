"""One module for each command of ``sluice``. What costs seconds to import is imported when the command runs."""
