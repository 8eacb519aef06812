"""Python's search for circles among objects, in a process that has loaded everything and goes on for long."""

import gc

NEW_OBJECTS = 10_000  # a request makes hundreds: by itself a search would begin within each of them
YOUNGER_SEARCHES = (10, 20)


def settle() -> None:
    """Call once, when everything is loaded. Classes, routes and schemas stay until the end, so no search goes through them again: with some
    400,000 objects of ours each took a third of a second, in the midst of a request. Circles are found as before, a little later."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *YOUNGER_SEARCHES)
