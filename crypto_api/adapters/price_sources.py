"""What prices come from outside: the networks' feed contracts, and providers over HTTP with their limits kept."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from crypto_api.adapters.outside_http import OutsideAnswer, OutsideFailed, OutsideHttp
from crypto_api.adapters.price_feed import ChainFeedReader, ContractCaller
from crypto_api.adapters.price_providers import NotUsable, Question, ask, read
from crypto_api.kit import log
from crypto_api.kit.price_settings import PriceProvider, PriceSettings, ProviderKind
from crypto_api.kit.rates import Answer, FeedRound, Point

PAUSE_S_MIN, PAUSE_S_MAX = 2.0, 300.0  # after failures, twice as long each time
LIMITED_S, LIMITED_S_MAX = 60.0, 3_600.0  # after a 429: as it says, else the first; never longer than the second
ASKED_AGAIN_S = 60.0  # the same question is not put sooner
_QUESTIONS_KEPT = 5_000
_IN_A_THREAD_BYTES = 200_000
_logger = log.get(__name__)


@dataclass
class _Standing:
    """How one provider has done lately, as this process sees it. Times are of the monotonic clock."""

    failures: int = 0
    wait_until_s: float = 0.0
    reason: str = ""


class OutsidePrices:
    """Holds one HTTP session, and how each provider does. `async with` closes the session."""

    def __init__(self, chains: Mapping[str, ContractCaller], settings: PriceSettings | None = None) -> None:
        self._feeds = ChainFeedReader(chains)
        self._settings = settings or PriceSettings()
        self._http = OutsideHttp()
        self._standing: dict[str, _Standing] = {}
        self._asked: dict[tuple[str, str, str, int], float] = {}

    async def __aenter__(self) -> "OutsidePrices":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.__aexit__()

    @property
    def settings(self) -> PriceSettings:
        return self._settings

    async def read_feed(self, network: str, feed_address: str, block_hash: str) -> FeedRound | None:
        return await self._feeds.read_feed(network, feed_address, block_hash)

    async def ask(self, provider: PriceProvider, base: str, quote: str, at: datetime, now: datetime) -> Answer:
        standing = self._standing.setdefault(provider.name, _Standing())
        wait_s = standing.wait_until_s - time.monotonic()
        if wait_s > 0:
            return Answer(problem=f"{standing.reason}; it is asked again in {int(wait_s) + 1} s")
        if not self._is_new((provider.name, base, quote, int(at.timestamp()) // provider.step_s)):
            return Answer()
        question = Question(provider, base, quote, at, now)
        try:
            points = await self._answered(question)
        except (OutsideFailed, NotUsable) as error:
            return self._failed(provider, standing, str(error))
        standing.failures, standing.reason = 0, ""
        return Answer(points) if points else Answer(problem="it has no rate for that time")

    async def _answered(self, question: Question) -> tuple[Point, ...]:
        provider, asked = question.provider, ask(question)
        answer = await self._http.get(
            provider.url.rstrip("/") + asked.path,
            asked.query,
            headers={name: value.get_secret_value() for name, value in provider.headers.items()},
            timeout_s=provider.timeout_s,
            bytes_max=provider.bytes_max,
            private=provider.private,
        )
        if answer.status in (400, 404):
            return ()  # it does not know the pair, or has nothing of that time: no fault of the provider
        if answer.status != 200:
            self._limited(provider, answer)
            raise OutsideFailed(f"it answers {answer.status}")
        if len(answer.body) > _IN_A_THREAD_BYTES or provider.kind is ProviderKind.ECB:
            return await asyncio.to_thread(read, question, answer.body)
        return read(question, answer.body)

    def _is_new(self, question: tuple[str, str, str, int]) -> bool:
        now = time.monotonic()
        if now - self._asked.get(question, -ASKED_AGAIN_S) < ASKED_AGAIN_S:
            return False
        if len(self._asked) >= _QUESTIONS_KEPT:
            self._asked = {key: at for key, at in self._asked.items() if now - at < ASKED_AGAIN_S}
        if len(self._asked) >= _QUESTIONS_KEPT:
            self._asked.clear()
        self._asked[question] = now
        return True

    def forget(self) -> int:
        """What was asked lately may be asked again at once. How many questions."""
        count = len(self._asked)
        self._asked.clear()
        return count

    def _limited(self, provider: PriceProvider, answer: OutsideAnswer) -> None:
        if answer.status not in (418, 429, 503) or (answer.status == 503 and answer.retry_after is None):
            return
        wait_s = min(_retry_after_s(answer.retry_after), LIMITED_S_MAX)
        standing = self._standing[provider.name]
        standing.wait_until_s = time.monotonic() + wait_s

    def _failed(self, provider: PriceProvider, standing: _Standing, reason: str) -> Answer:
        standing.failures += 1
        standing.reason = reason
        pause_s = min(PAUSE_S_MIN * 2 ** min(standing.failures - 1, 20), PAUSE_S_MAX)
        standing.wait_until_s = max(standing.wait_until_s, time.monotonic() + pause_s)
        _logger.warning("price_provider_failed", provider=provider.name, reason=reason, failures=standing.failures)
        return Answer(problem=reason)


def _retry_after_s(told: str | None) -> float:
    """Seconds or a date (RFC 9110, 10.2.3)."""
    if told is None:
        return LIMITED_S
    if told.strip().isdecimal() and len(told) < 10:
        return max(float(told), 1.0)
    try:
        at = parsedate_to_datetime(told)
    except (ValueError, TypeError):
        return LIMITED_S
    return max((at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 1.0)
