"""Named places at which a test may kill the process, so that "after a crash at this step" is a thing one can run.

`COFFER_FAULTPOINT=advance_chain.committed:3` kills this process with SIGKILL at the third pass. Unset, a faultpoint is one comparison.
"""

import os
import signal

_armed: list[str] = []
"""The name, once for each pass that is left."""


def arm(setting: str) -> None:
    """`name` or `name:pass`; empty disarms."""
    name, _, passes = setting.partition(":")
    _armed[:] = [name] * int(passes or 1) if name else []


def faultpoint(name: str) -> None:
    if _armed and _armed[0] == name:
        _armed.pop()
        if not _armed:
            os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("COFFER_FAULTPOINT", ""))
