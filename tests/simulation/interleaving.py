"""Coroutines that stop at every call of a port, so that a schedule decides who goes on, who dies, and between what."""

from collections.abc import Coroutine, Generator
from typing import Any


class Point:
    """`await Point("send")`: here the schedule may let others go first, or end this one for ever."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __await__(self) -> Generator["Point", None, None]:
        yield self


class Running:
    """A coroutine under the schedule's hand."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work
        self.at = "begin"
        self.result: Any = None

    def go_on(self) -> bool:
        """To its next port call. False when it has ended."""
        try:
            self.at = self._work.send(None).name
        except StopIteration as end:
            self.result = end.value
            return False
        return True

    def die(self) -> None:
        """As by SIGKILL: nothing of it happens any more."""
        self._work.close()
