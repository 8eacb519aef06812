"""How a provider does, and what follows from it: pure bookkeeping over a monotonic time in seconds that it is handed.

A failure pauses the provider, each further one in a row for longer, until it answers again. A provider that contradicts itself is paused
longer than one that is merely away, one that asks to wait for as long as it asks.
"""

from collections import deque
from dataclasses import dataclass, field

FAILURE_PAUSE_S, FAILURE_PAUSE_S_MAX = 0.5, 30.0
LIE_PAUSE_S, LIE_PAUSE_S_MAX = 1.0, 300.0
THROTTLE_PAUSE_S, THROTTLE_PAUSE_S_MAX = 1.0, 60.0
ASIDE_PAUSE_S, ASIDE_PAUSE_S_MAX = 5.0, 120.0
ALONE_PAUSE_S_MAX = 1.0  # where no other provider is left, a paused one is asked again after this
FORGOTTEN_AFTER_S = 60.0  # a head that a provider once had and no longer has
_WEIGHT = 0.2  # of the newest value in a moving average
_GROWS_AFTER = 16  # full batches that went well


@dataclass
class TokenBucket:
    """So many calls a second on average, and as many at once."""

    calls_per_s: float
    _free_s: float = field(init=False)  # what is left over of the last seconds; below zero it is owed
    _read_at_s: float | None = None

    def __post_init__(self) -> None:
        self._free_s = self._most_s = max(1.0, 1.0 / self.calls_per_s)

    def reserve(self, calls: int, now: float) -> float:
        """Takes them, and says how many seconds to wait first."""
        if self._read_at_s is not None:
            self._free_s = min(self._most_s, self._free_s + now - self._read_at_s)
        self._read_at_s = now
        self._free_s -= calls / self.calls_per_s
        return max(0.0, -self._free_s)


@dataclass
class BatchSize:
    """How many calls a provider takes at once: halved when it balks, and tried one larger after it took many full ones."""

    limit: int
    size: int = field(init=False)
    bare: bool = field(init=False)  # not even a batch of one
    _good: int = 0

    def __post_init__(self) -> None:
        self.size, self.bare = self.limit, self.limit == 1

    def shrink(self, refused: bool = True) -> bool:
        """Whether a smaller one could be tried. `refused` says that the batch was refused as such, not merely slow."""
        self._good = 0
        if self.size > 1:
            self.size //= 2
            return True
        if refused and not self.bare:
            self.bare = True
            return True
        return False

    def took(self, calls: int) -> None:
        if calls < self.size or self.size >= self.limit or self.bare:
            return
        self._good += 1
        if self._good >= _GROWS_AFTER:
            self.size, self._good = self.size + 1, 0


@dataclass
class Counter:
    """Calls in the last minute, by the second."""

    _seconds: deque[tuple[int, int]] = field(default_factory=deque)

    def add(self, calls: int, now: float) -> None:
        second = int(now)
        if self._seconds and self._seconds[-1][0] == second:
            calls += self._seconds.pop()[1]
        self._seconds.append((second, calls))
        while self._seconds[0][0] <= second - 60:
            self._seconds.popleft()

    def total(self, now: float) -> int:
        return sum(calls for second, calls in self._seconds if second > now - 60)


@dataclass
class Health:
    asked: bool = False
    failures: int = 0  # in a row
    lies: int = 0  # since it last did well for a while
    refusals: int = 0  # in a row, of calls that others answered
    throttles: int = 0
    asides: int = 0
    failed_at: float = 0.0
    paused_until: float = 0.0
    throttled_until: float = 0.0  # it asked for that pause itself: nobody goes before it is over
    reachable: bool = True
    aside: str | None = None  # why it is set aside
    error: str | None = None
    latency_s: float | None = None
    error_rate: float = 0.0
    head: int | None = None
    head_at: float = 0.0
    lag: int | None = None  # blocks behind the best one, when it last told its head
    highest: int = 0
    highest_at: float = 0.0
    requests: Counter = field(default_factory=Counter)

    # ---- what happened -----------------------------------------------------------------------------------------------------------

    def answered(self, latency_s: float, now: float) -> None:
        self.asked = self.reachable = True
        self.latency_s = latency_s if self.latency_s is None else self.latency_s + _WEIGHT * (latency_s - self.latency_s)
        self.error_rate -= _WEIGHT * self.error_rate
        if self.failures and now >= self.throttled_until and self.aside is None:
            self.paused_until = now
        self.failures = self.throttles = 0
        if now >= self.paused_until and self.aside is None and self.lies == 0:
            self.error = None
        if now - self.failed_at > FORGOTTEN_AFTER_S:
            self.lies = self.asides = 0

    def failed(self, words: str, now: float) -> None:
        """It did not answer, or broke off."""
        self.failures += 1
        self.reachable = False
        self._pause(words, _grown(FAILURE_PAUSE_S, self.failures, FAILURE_PAUSE_S_MAX), now)

    def lied(self, words: str, now: float) -> None:
        """It answered with something that cannot be."""
        self.lies += 1
        self.head = self.lag = None
        self._pause(words, _grown(LIE_PAUSE_S, self.lies, LIE_PAUSE_S_MAX), now)

    def refused(self) -> int:
        """How often in a row by now."""
        self.refusals += 1
        return self.refusals

    def throttled(self, words: str, pause_s: float | None, now: float) -> None:
        """It is asked for less: of calls that were on their way together only the first makes the pause longer than the last was."""
        if now >= self.throttled_until:
            self.throttles += 1
        pause_s = pause_s if pause_s is not None else _grown(THROTTLE_PAUSE_S, self.throttles, THROTTLE_PAUSE_S_MAX)
        self._pause(words, pause_s, now)
        self.throttled_until = max(self.throttled_until, now + pause_s)

    def set_aside(self, reason: str, now: float) -> None:
        self.asides += 1
        self.aside = reason
        self._pause(reason, _grown(ASIDE_PAUSE_S, self.asides, ASIDE_PAUSE_S_MAX), now)

    def taken_back(self) -> None:
        if self.aside is not None:
            self.aside = self.error = None

    def saw_head(self, head: int, now: float) -> None:
        self.head, self.head_at = head, now
        if head >= self.highest or now - self.highest_at > FORGOTTEN_AFTER_S:
            self.highest, self.highest_at = head, now

    def _pause(self, words: str, pause_s: float, now: float) -> None:
        self.asked = True
        self.error = words
        self.error_rate += _WEIGHT * (1 - self.error_rate)
        self.failed_at, self.paused_until = now, max(self.paused_until, now + pause_s)

    # ---- what follows ------------------------------------------------------------------------------------------------------------

    def fit(self, now: float) -> bool:
        """Whether it is asked in its turn."""
        return self.aside is None and self.failures == 0 and now >= self.paused_until

    def may_be_tried(self, now: float) -> bool:
        """Whether it is asked where none is fit: what it asked for itself is kept, and of our own pauses as much as does for one that is alone."""
        return now >= max(self.throttled_until, min(self.paused_until, self.failed_at + self._alone_pause_s()))

    def may_be_probed(self, now: float) -> bool:
        return now >= self.paused_until

    def _alone_pause_s(self) -> float:
        """A contradiction is often a block that was just replaced, and the asker pauses by itself: no pause for that."""
        return min(ALONE_PAUSE_S_MAX, FAILURE_PAUSE_S * self.failures)

    def went_back(self) -> int:
        """By how many blocks its head is lower than it was."""
        return max(0, self.highest - self.head) if self.head is not None else 0


def _grown(first_s: float, times: int, most_s: float) -> float:
    return float(min(most_s, first_s * 2 ** min(times - 1, 16)))
