"""The providers of one network: who is asked, in which order, and what a bad answer does to them.

A read goes to the preferred provider that is fit and, where it fails, to each of the others once. Those that are not fit are looked after
in the background, so that no read waits for one: each is asked for its newest block when its pause is over, and goes back to its place.
Where none is fit, those that are not are asked all the same: a bad provider is better than none, since every answer is checked.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from types import SimpleNamespace, TracebackType
from typing import Self, TypeVar

import aiohttp
import msgspec

from crypto_api.adapters.provider_health import BatchSize, Health, TokenBucket
from crypto_api.adapters.rpc_transport import BatchTooLarge, Call, Throttled, post_batch, post_once
from crypto_api.adapters.wire import Header, decode_header, decode_text, header_of, quantity
from crypto_api.kit import log
from crypto_api.kit.ethereum import CallRefused, ChainUnavailable, InconsistentAnswer
from crypto_api.kit.networks import Endpoint, ProviderHealth, ProviderState

logger = log.get(__name__)

FAILURES = (aiohttp.ClientError, TimeoutError, OSError, ValueError, ChainUnavailable)
"""What a provider may do to a call. Anything else is a fault of ours."""
METHOD_NOT_FOUND = -32601
LACKING_S = 600.0
_BATCHES_AT_ONCE = 2
_LOOK_EVERY_S = 0.25
_PROBE_EVERY_S = 5.0
_PROBE_TIMEOUT_S = 3.0
_HEAD_FRESH_S = 30.0
_TURN_WAIT_S_MAX = 5.0
_INTERNAL_ERROR = -32603
REFUSALS_MAX = 3  # in a row

T = TypeVar("T")
Decode = Callable[[int, msgspec.Raw], T]


class WrongChain(ChainUnavailable):
    """The provider answers for another chain than its row of the networks file says."""


class Provider:
    """One endpoint. The chain that it answers for is checked with each new connection and after each failure, before anything it says is used."""

    def __init__(self, endpoint: Endpoint, chain_id: int, http: aiohttp.ClientSession) -> None:
        self.endpoint, self.health, self.batch = endpoint, Health(), BatchSize(endpoint.batch_max)
        self.probing = False
        self._chain_id, self._http = chain_id, http
        self._bucket = TokenBucket(endpoint.requests_per_second) if endpoint.requests_per_second else None
        self._lacks: dict[str, float] = {}  # methods that it does not offer, and until when it is not asked again
        self._final = 0  # the block that it called final last
        self.checked = False  # whether the chain was asked for since the newest connection

    def forget(self) -> int:
        """Every method is asked for again. How many it was said not to offer."""
        count = len(self._lacks)
        self._lacks.clear()
        return count

    async def ask(self, calls: Sequence[Call], *, tolerate_reverts: bool = False) -> list[msgspec.Raw]:
        """The results in the order of the calls, in as many batches as it takes."""
        results: list[msgspec.Raw] = []
        while len(results) < len(calls):
            if not self.checked:
                await self._check_chain()
            try:
                results += await self._post(calls[len(results) : len(results) + self.batch.size], tolerate_reverts)
            except BatchTooLarge:
                if not self.batch.shrink():
                    raise
            except aiohttp.ServerDisconnectedError:  # a kept connection that the server had closed: a read may be asked again
                results += await self._post(calls[len(results) : len(results) + self.batch.size], tolerate_reverts)
            if not self.checked:  # the answer came over a new connection
                await self._check_chain()
        return results

    async def ask_once(self, calls: Sequence[Call]) -> list[msgspec.Raw | ChainUnavailable]:
        """One request, whatever comes of it; what is said against a call stands in the place of its result."""
        await self._wait_for_turn(len(calls))
        started = time.monotonic()
        self.health.requests.add(len(calls), started)
        bare = self.batch.bare and len(calls) == 1
        results = await post_once(self._http, self.endpoint.url, calls, timeout_s=self.endpoint.timeout_s, bare=bare, context=self)
        self.health.answered(time.monotonic() - started, time.monotonic())
        return results

    def check_tag(self, tag: str, number: int) -> None:
        """InconsistentAnswer where what it calls final was higher before: final does not change (a safe block may)."""
        before, self._final = self._final, number if tag == "finalized" else self._final
        if number < before and tag == "finalized":
            raise InconsistentAnswer(f"what it calls final went back from {before} to {number}")

    async def ready(self) -> None:
        if not self.checked:
            await self._check_chain()

    def failed(self, error: Exception) -> None:
        now = time.monotonic()
        if isinstance(error, CallRefused):  # an answer like any other
            return
        self.checked = False
        words = self.words(error)
        logger.info("provider failed", host=self.endpoint.host, reason=words)
        if isinstance(error, Throttled):
            self.batch.shrink(refused=False)
            self.health.throttled(words, error.pause_s, now)
        elif isinstance(error, InconsistentAnswer | WrongChain):
            self.health.lied(words, now)
        else:
            if isinstance(error, TimeoutError):
                self.batch.shrink(refused=False)
            self.health.failed(words, now)

    def refused_alone(self, error: CallRefused) -> None:
        """It refused what another provider answered. One that has faults of its own again and again is no better than one that is away;
        one that merely does not do such calls is not at fault."""
        if error.rpc_code == _INTERNAL_ERROR and self.health.refused() >= REFUSALS_MAX:
            self.health.lied("it refuses with internal errors what others answer", time.monotonic())

    async def _check_chain(self) -> None:
        self.checked = True  # of the connection that this goes over; a newer one takes it back
        try:
            (raw,) = await self._post([("eth_chainId", [])], False)
            found = quantity(decode_text(raw))
        except BaseException:
            self.checked = False
            raise
        if found != self._chain_id:
            self.checked = False
            raise WrongChain(f"the node answers for chain {found}, not {self._chain_id}")
        self.checked = True

    async def _post(self, calls: Sequence[Call], tolerate_reverts: bool) -> list[msgspec.Raw]:
        methods = {method for method, _ in calls}
        if lacking := [method for method in methods if self._lacks.get(method, 0.0) > time.monotonic()]:
            raise CallRefused(f"it does not offer {lacking[0]}", rpc_code=METHOD_NOT_FOUND, rpc_message="method not found")
        await self._wait_for_turn(len(calls))
        started = time.monotonic()
        self.health.requests.add(len(calls), started)
        timeout_s, bare = self.endpoint.timeout_s, self.batch.bare and len(calls) == 1
        try:
            results = await post_batch(
                self._http, self.endpoint.url, calls, timeout_s=timeout_s, tolerate_reverts=tolerate_reverts, bare=bare, context=self
            )
        except CallRefused as error:
            self.health.answered(time.monotonic() - started, time.monotonic())
            if error.rpc_code == METHOD_NOT_FOUND and len(methods) == 1:
                self._lacks[calls[0][0]] = time.monotonic() + LACKING_S
            raise
        self.health.answered(time.monotonic() - started, time.monotonic())
        self.batch.took(len(calls))
        return results

    async def _wait_for_turn(self, calls: int) -> None:
        if self._bucket is not None and (wait_s := self._bucket.reserve(calls, time.monotonic())):
            if wait_s > _TURN_WAIT_S_MAX:
                raise Throttled("its limit of requests per second is used up for now", wait_s)
            await asyncio.sleep(wait_s)

    def words(self, error: Exception) -> str:
        """For people. Nothing of the endpoint's address but the host: the rest holds access keys."""
        match error:
            case ChainUnavailable():
                return error.detail.replace(self.endpoint.url, self.endpoint.host)
            case TimeoutError():
                return f"no answer within {self.endpoint.timeout_s:g} s"
            case aiohttp.ClientConnectorDNSError():
                return "its name is not known"
            case aiohttp.ClientConnectorCertificateError():
                return "its certificate is not valid"
            case aiohttp.ClientConnectorError():
                return "it accepts no connections"
            case aiohttp.ClientPayloadError():
                return "it broke off in the middle of an answer"
            case aiohttp.ServerDisconnectedError() | OSError():
                return "it broke the connection off"
            case _:
                return f"no usable answer ({type(error).__name__})"


class ProviderPool:
    def __init__(self, endpoints: Sequence[Endpoint], chain_id: int, *, lag_blocks_max: int) -> None:
        self._endpoints, self._chain_id, self._lag_blocks_max = endpoints, chain_id, lag_blocks_max
        self._next_look = 0.0
        self._background: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession
        self.providers: list[Provider] = []

    @property
    def count(self) -> int:
        return len(self._endpoints)

    async def __aenter__(self) -> Self:
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(_connected)
        connector = aiohttp.TCPConnector(limit=8 * len(self._endpoints), limit_per_host=8)
        self._http = aiohttp.ClientSession(connector=connector, trace_configs=[trace])
        self.providers = [Provider(endpoint, self._chain_id, self._http) for endpoint in self._endpoints]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._http.close()

    # ---- asking ------------------------------------------------------------------------------------------------------------------

    async def read(self, calls: Sequence[Call], decode: Decode[T], *, tolerate_reverts: bool = False) -> list[T]:
        """`decode(index of the call, raw result)` of each call. What it refuses with InconsistentAnswer is asked of the next provider."""
        return [result for results, _ in await self._read(calls, decode, tolerate_reverts) for result in results]

    async def read_sources(self, calls: Sequence[Call], decode: Decode[T]) -> list[tuple[T, Provider]]:
        """The same, each with the provider that said so, for whoever finds out later that it cannot be."""
        return [(result, provider) for results, provider in await self._read(calls, decode, False) for result in results]

    async def _read(self, calls: Sequence[Call], decode: Decode[T], tolerate_reverts: bool) -> list[tuple[list[T], Provider]]:
        size = self.batch_size() if len(calls) > 1 else 1
        if len(calls) <= size:
            return [await self._from_any(calls, decode, 0, tolerate_reverts)] if calls else []
        room = asyncio.Semaphore(_BATCHES_AT_ONCE)

        async def one(start: int) -> tuple[list[T], Provider]:
            async with room:
                return await self._from_any(calls[start : start + size], decode, start, tolerate_reverts)

        return await asyncio.gather(*map(one, range(0, len(calls), size)))

    def batch_size(self) -> int:
        """How many calls the provider that is asked first takes at once."""
        return self._order()[0].batch.size

    async def once_each(self, calls: Sequence[Call]) -> list[msgspec.Raw | ChainUnavailable]:
        """Each to one provider, in that order, in as many requests as it takes: whatever comes of one, it is sent to nobody else, and after a request
        of which nobody knows what became of it nothing more is sent. Until a provider is ready nothing is sent at all."""
        provider, problem = await self._ready()
        results: list[msgspec.Raw | ChainUnavailable] = []
        while provider is not None and len(results) < len(calls):
            part = calls[len(results) : len(results) + provider.batch.size]
            try:
                results += await provider.ask_once(part)
            except FAILURES as error:
                provider.failed(error)
                if isinstance(error, BatchTooLarge):
                    provider.batch.shrink()
                problem, provider = self._unanswered(provider, error), None
        unknown = problem or self._all_rest()
        return [*results, *[unknown] * (len(calls) - len(results))]

    async def _ready(self) -> tuple[Provider | None, ChainUnavailable | None]:
        """The first that answers for the right chain; else why there is none."""
        problem: ChainUnavailable | None = None
        for provider in self._order():
            try:
                await provider.ready()
            except FAILURES as error:
                provider.failed(error)
                problem = self._unanswered(provider, error)
            else:
                return provider, None
        return None, problem

    async def each(self, calls: Sequence[Call], decode: Decode[T], *, tolerate_reverts: bool = False) -> AsyncIterator[tuple[Provider, list[T]]]:
        """What one provider after the other answers, those left out that do not."""
        for provider in self._order():
            try:
                yield provider, [decode(i, raw) for i, raw in enumerate(await provider.ask(calls, tolerate_reverts=tolerate_reverts))]
            except FAILURES as error:
                provider.failed(error)

    async def tagged(self, tag: str, count: int) -> list[Header]:
        """What so many of them call so. Fewer where the others do not know the tag; ChainUnavailable where they merely did not answer."""
        told: list[Header] = []
        problem: ChainUnavailable | None = None
        for provider in self._order():
            try:
                (raw,) = await provider.ask([("eth_getBlockByNumber", [tag, False])])
                if (header := decode_header(raw)) is not None:
                    provider.check_tag(tag, header_of(header).number)
                    told.append(header)
            except CallRefused:
                continue  # geth, of a tag that has no block yet: -39001
            except FAILURES as error:
                provider.failed(error)
                problem = self._unanswered(provider, error)
            if len(told) == count:
                return told
        if problem is not None:
            raise problem
        return told

    async def head(self) -> int:
        """Of the preferred provider that keeps up with the others."""
        behind: int | None = None
        problem: ChainUnavailable | None = None
        for provider in self._order():
            try:
                head = quantity(decode_text((await provider.ask([("eth_blockNumber", [])]))[0]), 53)
            except FAILURES as error:
                provider.failed(error)
                problem = self._unanswered(provider, error)
                continue
            if self._keeps_up(provider, head):
                return head
            behind = max(head, behind or 0)
        if behind is None:
            raise problem or self._all_rest()
        return behind

    def head_known(self) -> int:
        """The highest that any of them has told of."""
        return max((provider.health.head or 0 for provider in self.providers), default=0)

    async def _from_any(self, calls: Sequence[Call], decode: Decode[T], start: int, tolerate_reverts: bool) -> tuple[list[T], Provider]:
        problem: ChainUnavailable | None = None
        refusing: list[tuple[Provider, CallRefused]] = []
        for provider in self._order():
            try:
                raws = await provider.ask(calls, tolerate_reverts=tolerate_reverts)
                results = [decode(start + i, raw) for i, raw in enumerate(raws)]
            except FAILURES as error:
                provider.failed(error)
                if isinstance(error, CallRefused):
                    if "revert" in error.rpc_message.lower():
                        raise  # by the contract, not by the provider
                    refusing.append((provider, error))
                if not isinstance(problem, CallRefused):
                    problem = self._unanswered(provider, error)
                continue
            provider.health.refusals = 0
            for refuser, refusal in refusing:
                refuser.refused_alone(refusal)
            return results, provider
        raise problem or self._all_rest()

    def _unanswered(self, provider: Provider, error: Exception) -> ChainUnavailable:
        """What is told to whoever asked."""
        if isinstance(error, CallRefused | InconsistentAnswer | WrongChain):
            return error
        told = ChainUnavailable(f"the node of chain {self._chain_id} does not answer: {provider.words(error)}")
        told.__cause__ = error
        return told

    def _all_rest(self) -> ChainUnavailable:
        reasons = "; ".join(f"{each.endpoint.host}: {each.health.error}" for each in self.providers if each.health.error)
        return ChainUnavailable(f"no node of chain {self._chain_id} is asked for a moment ({reasons})")

    # ---- who is asked ------------------------------------------------------------------------------------------------------------

    def _order(self) -> list[Provider]:
        """Those that are fit, by preference; after them those that may be tried. ChainUnavailable where there is none of either."""
        now = time.monotonic()
        if len(self.providers) > 1:
            self._look_after_others(now)
        fit = [provider for provider in self.providers if provider.health.fit(now)]
        order = fit + [provider for provider in self.providers if provider not in fit and provider.health.may_be_tried(now)]
        if not order:
            raise self._all_rest()
        return order

    def _keeps_up(self, provider: Provider, head: int) -> bool:
        """Takes note of its head. False, and it is set aside, where it is behind the others or behind itself, while another is fit."""
        now, health = time.monotonic(), provider.health
        health.saw_head(head, now)
        others = [
            each.health.head
            for each in self.providers
            if each is not provider and each.health.fit(now) and each.health.head is not None and now - each.health.head_at < _HEAD_FRESH_S
        ]
        health.lag = max(0, max(others, default=head) - head)
        if not others:
            return True
        if health.went_back() > self._lag_blocks_max:
            health.set_aside(f"its head went back from {health.highest} to {head}", now)
        elif health.lag > self._lag_blocks_max:
            health.set_aside(f"it is {health.lag} blocks behind", now)
        else:
            health.taken_back()
            return True
        logger.warning("provider set aside", host=provider.endpoint.host, reason=health.aside)
        return False

    def _look_after_others(self, now: float) -> None:
        """Starts to ask for the newest block of those that are not asked by others: of the fit ones to know how they do, of the rest to take
        them back."""
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_EVERY_S
        for provider in self.providers:
            health = provider.health
            due = now - health.head_at >= _PROBE_EVERY_S if health.fit(now) else health.may_be_probed(now)
            if due and not provider.probing:
                provider.probing = True
                task = asyncio.create_task(self._probe(provider))
                self._background.add(task)
                task.add_done_callback(self._background.discard)

    async def _probe(self, provider: Provider) -> None:
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                (raw,) = await provider.ask([("eth_getBlockByNumber", ["latest", False])])
            if (header := decode_header(raw)) is None:
                raise InconsistentAnswer("it has no newest block")
            self._keeps_up(provider, header_of(header).number)
        except FAILURES as error:
            provider.failed(error)
        finally:
            provider.probing = False

    def report(self) -> list[ProviderHealth]:
        """In order of preference."""
        now = time.monotonic()
        in_use = next((provider for provider in self.providers if provider.health.fit(now)), None)
        return [self._reported(provider, now, provider is in_use) for provider in self.providers]

    def _reported(self, provider: Provider, now: float, in_use: bool) -> ProviderHealth:
        health = provider.health
        if not health.asked:
            state = ProviderState.UNKNOWN
        elif health.failures:
            state = ProviderState.UNREACHABLE
        elif not health.fit(now):
            state = ProviderState.SET_ASIDE
        else:
            state = ProviderState.IN_USE if in_use else ProviderState.STANDBY
        return ProviderHealth(
            host=provider.endpoint.host,
            kind="http",
            state=state,
            head=health.head,
            lag_blocks=health.lag,
            latency_ms=round(health.latency_s * 1000) if health.latency_s is not None else None,
            error_rate=round(health.error_rate, 3),
            error=health.error,
            requests_last_minute=health.requests.total(now),
            batch=provider.batch.size,
        )


async def _connected(session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceConnectionCreateEndParams) -> None:
    """A new connection may end at another machine: what it answers for is asked anew."""
    with contextlib.suppress(AttributeError):
        context.trace_request_ctx.checked = False
