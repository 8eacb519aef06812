"""Who asks how often, and how long each waited from the moment at which they meant to ask.

A client that waits for a late answer and only then asks again asks less the slower the server is, and its percentiles tell of a server that nobody
met (coordinated omission). Here each request has a moment at which it is due, and is measured from there, however late it could be sent.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.latency import percentile
from benchmarks.load.wire import NONE, Answer, Pool

SENT_AWAY = (429, 503)

Source = Callable[[], bytes]
"""The next request."""

Heard = Callable[[bytes, Answer], Awaitable[None] | None]
"""Told of each request and what came of it."""


@dataclass(frozen=True, slots=True)
class Sample:
    due: float
    sent: float
    done: float
    status: int
    says_when: bool  # to come again: Retry-After

    @property
    def waited_s(self) -> float:
        return self.done - self.due


@dataclass(frozen=True)
class Figures:
    """Of all samples of one run."""

    samples: Sequence[Sample]
    took_s: float

    @property
    def statuses(self) -> Counter[int]:
        return Counter(sample.status for sample in self.samples)

    @property
    def answered(self) -> list[Sample]:
        return [sample for sample in self.samples if 200 <= sample.status < 400]

    @property
    def shed(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.status in SENT_AWAY]

    @property
    def failed(self) -> list[Sample]:
        """What is neither an answer nor a word when to come again."""
        return [sample for sample in self.samples if sample.status == NONE or (sample.status >= 400 and sample.status not in SENT_AWAY)]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answered) / self.took_s

    def ms(self, share: float) -> float:
        """Of what was answered, from when it was due; NaN where nothing was."""
        waited = [sample.waited_s for sample in self.answered]
        return percentile(waited, share) * 1000 if waited else float("nan")


class Traffic:
    def __init__(self, pool: Pool, source: Source, heard: Heard | None = None, seed: int = 1) -> None:
        self._pool, self._source, self._heard, self._random = pool, source, heard, Random(seed)
        self._samples: list[Sample] = []

    async def clients(self, count: int, rate: float, seconds: float) -> Figures:
        """So many clients, each of which asks again at its own times, `rate` a second all together; late ones catch up."""
        began, period = time.perf_counter(), count / rate

        async def client(number: int) -> None:
            due = began + number / rate
            while due < began + seconds:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                await self._one(due)
                due += period
                if time.perf_counter() > began + 2 * seconds:  # it will never catch up: what it did not ask any more is told by the rate
                    return

        await asyncio.gather(*(client(number) for number in range(count)))
        return self._figures(began)

    async def as_fast_as_it_goes(self, count: int, seconds: float) -> Figures:
        """So many clients, each of which asks again as soon as it has its answer: what the server carries."""
        began = time.perf_counter()

        async def client() -> None:
            while (now := time.perf_counter()) < began + seconds:
                await self._one(now)

        await asyncio.gather(*(client() for _ in range(count)))
        return self._figures(began)

    async def arrivals(self, rate: float, seconds: float) -> Figures:
        """They come one by one at random (Poisson), whatever became of those before: nobody waits for anybody."""
        began, asked = time.perf_counter(), set[asyncio.Task[None]]()
        due = began
        while due < began + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            task = asyncio.create_task(self._one(due))
            asked.add(task)
            task.add_done_callback(asked.discard)
            due += self._random.expovariate(rate)
        if asked:
            await asyncio.wait(asked)
        return self._figures(began)

    async def _one(self, due: float) -> None:
        request, sent = self._source(), time.perf_counter()
        answer = await self._pool.ask(request)
        self._samples.append(Sample(due, sent, time.perf_counter(), answer.status, b"retry-after" in answer.headers))
        if self._heard is not None and (told := self._heard(request, answer)) is not None:
            await told

    def _figures(self, began: float) -> Figures:
        samples, self._samples = self._samples, []
        return Figures(samples, time.perf_counter() - began)
