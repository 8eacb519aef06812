"""Named places at which a test may kill the process, so that "after a crash at this step" is a thing one can run.

`COFFER_FAULTPOINT=advance_chain.committed:3` kills this process with SIGKILL at the third pass. Unset, it costs one comparison.
"""

import os
import signal
from collections import Counter

_NAME, _, _PASS = os.environ.get("COFFER_FAULTPOINT", "").partition(":")
_passes: Counter[str] = Counter()


def faultpoint(name: str) -> None:
    if not _NAME or name != _NAME:
        return
    _passes[name] += 1
    if _passes[name] == int(_PASS or 1):
        os.kill(os.getpid(), signal.SIGKILL)
