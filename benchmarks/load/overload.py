"""Five times as much as it carries: who gets an answer gets it about as soon as ever, everybody else hears when to come again, and afterwards all is
as before."""

import time
from dataclasses import dataclass

from benchmarks.load.installation import Installation, Usage
from benchmarks.load.reads import Reads, reads_of
from benchmarks.load.traffic import Figures, Traffic
from benchmarks.load.wire import Pool

CLIENTS = 6  # enough that neither API nor database has nothing to do, and no more than a process works on at a time
CALM = 0.7  # of what is carried: as much as one would let it have
TIMES = 5.0
LOOK_S = 0.5
RECOVERED_TIMES = 2.0  # of the calm 99th percentile
RECOVERY_S_MAX = 60.0


@dataclass(frozen=True)
class Overload:
    carried: Figures
    asked: float  # a second
    calm: Figures
    flood: Figures
    flooded: Usage
    recovered_s: float
    """From the end of the flood until somebody who asks at the calm rate is served as before it, and nobody is sent away."""

    @property
    def times(self) -> float:
        """The 99th percentile of what was admitted, by that of the calm."""
        return self.flood.ms(0.99) / self.calm.ms(0.99)

    @property
    def silent(self) -> int:
        """Sent away without being told when to come again."""
        return sum(not sample.says_when for sample in self.flood.shed)


async def measure_overload(installation: Installation, *, seconds: float) -> Overload:
    reads = await reads_of(installation)
    async with installation.pool(CLIENTS) as pool:
        carried = await _traffic(pool, reads).as_fast_as_it_goes(CLIENTS, seconds)
        rate = max(carried.rate, 1.0)
        calm = await _traffic(pool, reads).arrivals(CALM * rate, seconds)
    async with installation.pool(512) as crowd:
        over = installation.watch()
        flood = await _traffic(crowd, reads).arrivals(TIMES * rate, seconds)
        flooded, began = over(), time.perf_counter()
    async with installation.pool(CLIENTS) as pool:
        while time.perf_counter() - began < RECOVERY_S_MAX:
            seen = await _traffic(pool, reads).arrivals(CALM * rate, LOOK_S)
            if seen.answered and not seen.shed and not seen.failed and seen.ms(0.99) <= RECOVERED_TIMES * calm.ms(0.99):
                break
    return Overload(carried, TIMES * rate, calm, flood, flooded, time.perf_counter() - began)


def _traffic(pool: Pool, reads: Reads) -> Traffic:
    return Traffic(pool, reads.source(), reads.heard)
