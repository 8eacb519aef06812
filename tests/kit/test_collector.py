"""What the search for circles looks through once a process has settled. In a process of its own: this one has settled."""

import subprocess
import sys

SETTLES = """
import gc, weakref
from crypto_api.kit import collector

class Circle:
    def __init__(self):
        self.itself = self

loaded = [Circle() for _ in range(1000)]
gone = weakref.ref(Circle())
collector.settle()
assert gone() is None, "what was garbage before is gone"
assert not any(one is loaded[0] for one in gc.get_objects()), "what is loaded is not looked at"
later = weakref.ref(Circle())
for _ in range(collector.NEW_OBJECTS + 1):
    loaded.append([])
assert later() is None, "a circle that was made since is found without being asked for"
"""


def test_what_is_loaded_is_not_looked_through_again_and_circles_are_still_found() -> None:
    done = subprocess.run([sys.executable, "-c", SETTLES], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
