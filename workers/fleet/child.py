"""``python -P -m workers.fleet.child NAME GRACE COMMAND...``: a command of ours as a process of a supervisor."""

from __future__ import annotations

import faulthandler
import signal
import sys


def main() -> None:
    """Run the command under that name, until it ends or its lifeline does."""
    _, name, grace, *command = sys.argv
    faulthandler.enable(2)  # one that hangs is sent SIGABRT, and says where; one that crashes says it too
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until there is a brake to release

    # Not before the signals: importing takes 0.4 s, and more on a busy machine, and SIGUSR1 would end the child.
    from workers.fleet.lifeline import live_by_stdin  # noqa: PLC0415

    live_by_stdin(float(grace))

    # Not before the lifeline: a child that is still importing ends with its supervisor, too.
    from workers.cli import main as run  # noqa: PLC0415
    from workers.process.logs import name_this_process  # noqa: PLC0415

    name_this_process(name)
    sys.argv = ["sluice", *command]
    run()


if __name__ == "__main__":
    main()
