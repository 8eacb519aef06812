"""Named places at which a test may kill the process, so that "after a crash at this step" is a thing one can run.

`COFFER_FAULTPOINT=advance_chain.committed:3` kills this process with SIGKILL at the third pass. Unset, a faultpoint is one comparison.
"""

import os
import signal

_armed_name = ""
_passes_left = 0


def arm(setting: str) -> None:
    """`name` or `name:pass`; empty disarms."""
    global _armed_name, _passes_left
    _armed_name, _, passes = setting.partition(":")
    _passes_left = int(passes or 1)


def faultpoint(name: str) -> None:
    global _passes_left
    if name != _armed_name:
        return
    _passes_left -= 1
    if _passes_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("COFFER_FAULTPOINT", ""))
