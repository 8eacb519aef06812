"""One batch of calls to one address over HTTP, once, and what its answer means: results, or which kind of no.

Nothing is repeated here and no redirect is followed: a call with an effect must reach one node once. An answer is read piece by piece and
refused at a size, so that a broken or hostile provider fills no memory.
"""

from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec
import orjson

from crypto_api.adapters.wire import decoder
from crypto_api.kit import tracing
from crypto_api.kit.ethereum import CallRefused, ChainUnavailable, InconsistentAnswer

Call = tuple[str, list[Any]]

ANSWER_BYTES_MAX = 40 * 1024 * 1024  # twenty full blocks of the largest networks
RETRY_AFTER_S_MAX = 120.0
_HEADERS = {"content-type": "application/json"}
_LIMIT_CODES = {-32005, -32029, 429}  # EIP-1474 "limit exceeded", and what providers use beside it
_LIMIT_WORDS = ("rate limit", "ratelimit", "too many requests", "request limit", "request rate", "compute units", "throughput", "capacity exceeded")
_SIZE_CODES = {-32003}  # geth: response too large; EIP-1474 and anvil: a transaction is rejected, which is said of one call at a time
_SIZE_WORDS = (
    "batch too large",
    "batch size",
    "batch limit",
    "too many batch",
    "max batch",
    "response too large",
    "response size",
    "not support batch",
)


class Throttled(ChainUnavailable):
    """The provider asks to be asked less."""

    def __init__(self, detail: str, pause_s: float | None) -> None:
        super().__init__(detail)
        self.pause_s = pause_s  # as it asks for; None where it does not say


class BatchTooLarge(ChainUnavailable):
    """The provider takes fewer calls at once, or its answer to so many was too large."""


class _Answer(msgspec.Struct):
    id: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: dict[str, Any] | None = None


_decode_answers = decoder(list[_Answer])
_decode_answer = decoder(_Answer)


async def post_batch(
    http: aiohttp.ClientSession,
    url: str,
    calls: Sequence[Call],
    *,
    timeout_s: float,
    tolerate_reverts: bool = False,
    bare: bool = False,
    context: object = None,
) -> list[msgspec.Raw]:
    """The results in the order of the calls. `bare` sends a single call outside a batch, for providers that take none. Raises Throttled,
    BatchTooLarge, CallRefused, InconsistentAnswer, another ChainUnavailable, or what aiohttp raises."""
    content = await _post(http, url, calls, timeout_s, bare, context)
    return _results(content, len(calls), tolerate_reverts)


async def post_once(
    http: aiohttp.ClientSession, url: str, calls: Sequence[Call], *, timeout_s: float, bare: bool = False, context: object = None
) -> list[msgspec.Raw | ChainUnavailable]:
    """The same of calls with an effect: where the node says no to one of them, what it says stands in the place of its result, so that what became
    of the others is not lost."""
    return _outcomes(await _post(http, url, calls, timeout_s, bare, context), len(calls))


async def _post(http: aiohttp.ClientSession, url: str, calls: Sequence[Call], timeout_s: float, bare: bool, context: object) -> bytes:
    rows = [{"jsonrpc": "2.0", "id": i, "method": method, "params": params} for i, (method, params) in enumerate(calls)]
    body = orjson.dumps(rows[0] if bare else rows)
    timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(3.0, timeout_s))
    told: dict[str, tracing.Value] = {
        "rpc.system": "jsonrpc",
        "rpc.method": calls[0][0] if len({method for method, _ in calls}) == 1 else "several",
        "coffer.count": len(calls),
    }
    with tracing.part("ask a node", tracing.Kind.CLIENT, told):  # the node is not told of which trace: _HEADERS are all that it gets
        async with http.post(url, data=body, headers=_HEADERS, timeout=timeout, allow_redirects=False, trace_request_ctx=context) as response:
            content = await _bounded(response)
            if response.status != 200:
                _refuse(response, content)
    return content


def _outcomes(content: bytes, count: int) -> list[msgspec.Raw | ChainUnavailable]:
    answers = _parsed(content)
    by_id = {answer.id: answer for answer in answers}
    if len(answers) == 1 and count > 1 and answers[0].error is not None:  # one refusal for the whole batch
        _raise_limits(answers[0].error)
        _result(answers[0], False)
    found: list[msgspec.Raw | ChainUnavailable] = []
    for i in range(count):
        try:
            if (answer := by_id.get(i)) is None:
                raise InconsistentAnswer("a call was not answered")
            if answer.error is not None:
                _raise_limits(answer.error, alone=True)
            found.append(_result(answer, False))
        except ChainUnavailable as error:
            found.append(error)
    return found


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    if (response.content_length or 0) > ANSWER_BYTES_MAX:
        raise BatchTooLarge("the answer is too large")
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > ANSWER_BYTES_MAX:
            raise BatchTooLarge("the answer is too large")
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _refuse(response: aiohttp.ClientResponse, content: bytes) -> None:
    """Raises for an answer that is no success."""
    asked = _seconds(response.headers.get("retry-after"))
    if response.status == 429 or (response.status == 503 and asked is not None):
        raise Throttled(f"it answered {response.status}: too many requests", asked)
    if response.status == 413:
        raise BatchTooLarge("it answered 413: too much at once")
    if content[:1] in (b"{", b"["):
        for answer in _parsed(content):
            if answer.error is not None:
                _raise_limits(answer.error)
    raise ChainUnavailable(f"it answered {response.status}")


def _seconds(text: str | None) -> float | None:
    """Of a Retry-After header; a date is taken for none."""
    return min(float(text), RETRY_AFTER_S_MAX) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None


def _results(content: bytes, count: int, tolerate_reverts: bool) -> list[msgspec.Raw]:
    answers = _parsed(content)
    for answer in answers:
        if answer.error is not None:
            _raise_limits(answer.error, alone=count == 1)
    by_id = {answer.id: answer for answer in answers}
    if len(answers) != count or len(by_id) != count or any(i not in by_id for i in range(count)):
        if len(answers) == 1 and answers[0].error is not None:  # one refusal for the whole batch
            return [_result(answers[0], tolerate_reverts)]
        raise InconsistentAnswer(f"{count} calls, answers to {len(by_id)} of them" if len(answers) == len(by_id) else "a call was answered twice")
    return [_result(by_id[i], tolerate_reverts) for i in range(count)]


def _parsed(content: bytes) -> list[_Answer]:
    answers: list[_Answer] = [_decode_answer(content)] if content.lstrip()[:1] == b"{" else _decode_answers(content)
    return answers


def _result(answer: _Answer, tolerate_reverts: bool) -> msgspec.Raw:
    if answer.error is None:
        return answer.result
    code, data = answer.error.get("code"), answer.error.get("data")
    message = _message(answer.error)
    if tolerate_reverts and _reverted(code, message):
        return msgspec.Raw(b'"0x"')
    raise CallRefused(
        f"the node refused a call: {message}",
        rpc_code=code if isinstance(code, int) else None,
        rpc_message=message,
        rpc_data=data if isinstance(data, str) else None,
    )


def _raise_limits(error: dict[str, Any], *, alone: bool = False) -> None:
    code, message = error.get("code"), _message(error).lower()
    if _reverted(code, message):  # a contract may say anything
        return
    if (code in _SIZE_CODES and not alone) or any(words in message for words in _SIZE_WORDS):
        raise BatchTooLarge("it takes fewer calls at once")
    if code in _LIMIT_CODES or any(words in message for words in _LIMIT_WORDS):
        data = error.get("data")
        asked = data.get("try_again_in") or data.get("backoff_seconds") if isinstance(data, dict) else None
        raise Throttled("it limits the rate of requests", min(asked, RETRY_AFTER_S_MAX) if isinstance(asked, int | float) and asked > 0 else None)


def _message(error: dict[str, Any]) -> str:
    return str(error.get("message", ""))[:200]


def _reverted(code: object, message: str) -> bool:
    return code == 3 or "revert" in message.lower()
