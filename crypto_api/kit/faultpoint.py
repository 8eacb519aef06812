"""Named places at which a test may kill the process, so that "after a crash at this step" is a thing one can run.

With `COFFER_FAULTPOINTS=FOLDER` an order is a file in that folder: it is called like the place, and holds the number of the pass at which whoever
passes there dies by SIGKILL. The order is gone before that, so it is carried out once, also where the place is passed in children and in processes
that were started again. Unset, a faultpoint is one comparison.
"""

import os
import signal
from pathlib import Path

_folder = os.environ.get("COFFER_FAULTPOINTS")


def faultpoint(name: str) -> None:
    if _folder is not None and _is_due(Path(_folder, name)):
        os.kill(os.getpid(), signal.SIGKILL)


def order_kill(folder: Path, name: str, nth: int = 1) -> None:
    """Somebody is to die at the nth pass from now on."""
    partial = folder / f".{name}.{os.getpid()}"
    partial.write_text(str(nth))
    partial.replace(folder / name)


def _is_due(order: Path) -> bool:
    try:
        left = int(order.read_text())
        if left > 1:
            order_kill(order.parent, order.name, left - 1)
            return False
        order.unlink()
    except FileNotFoundError:  # there is no order, or another process was faster
        return False
    return True
