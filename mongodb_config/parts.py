"""Thousands at once: a few hundred in each request, so that each is answered well within the time that an answer may take. A list of thousands in one
query makes the embedded server compare every row with each."""

from collections.abc import Collection, Iterator
from typing import TypeVar

Key = TypeVar("Key")

TOGETHER_MAX = 500


def in_parts(keys: Collection[Key], most: int = TOGETHER_MAX) -> Iterator[list[Key]]:
    """None where there are none."""
    listed = list(keys)
    for start in range(0, len(listed), most):
        yield listed[start : start + most]
