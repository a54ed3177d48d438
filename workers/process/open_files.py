"""How many files a process may have open: a connection is one."""

from __future__ import annotations

import resource
from contextlib import suppress

OTHERS = 512
"""Files besides connections: of policies, an archive, brokers, and of whoever asks for the health."""


def make_room_for(connections: int) -> None:
    """Let this process have so many connections open beside all else, as far as it may decide that itself.

    A shell and systemd give 1,024 files. As many connections as that left none for a policy file or a broker.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHERS
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):  # it then has what it has
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
