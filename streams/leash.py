"""A command of `rtm` as a child that never outlives its parent: `python -m streams.leash PARENT_PID COMMAND…`.

Where the parent is killed there is nobody to stop the child in good order; Linux then sends it SIGTERM.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def bind(parent: int) -> None:
    """Ask Linux to end this process with its parent; nothing elsewhere. SystemExit when the parent is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    bind(int(sys.argv[1]))
    sys.argv = ["rtm", *sys.argv[2:]]
    from streams.cli import main

    main()
