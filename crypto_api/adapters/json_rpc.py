"""Reading a chain over JSON-RPC by a fast reader of our own; heads come by web3's subscription (`head_subscription.py`).

Answers are decoded by `wire.py`. Logs are asked for by block hash: a lagging node then errs instead of answering "none".
"""

import asyncio
import itertools
from collections.abc import Container, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
import orjson

from crypto_api.adapters import wire
from crypto_api.adapters.traces import CallTraces
from crypto_api.kit import log
from crypto_api.kit.ethereum import (
    BlockHeader,
    CallRefused,
    ChainUnavailable,
    InconsistentAnswer,
    InternalTransfer,
    WireBlock,
    WireReceipt,
    WireTransaction,
)

logger = log.get(__name__)

BATCH_CALLS_MAX = 20
_BATCHES_AT_ONCE = 2

Call = tuple[str, list[Any]]


class JsonRpcChain:
    """One network through its endpoints, in order of preference. Every method raises ChainUnavailable when none of them answers."""

    def __init__(self, rpc_urls: Sequence[str], chain_id: int, *, timeout_s: float = 10.0) -> None:
        self._urls = list(rpc_urls)
        self._chain_id = chain_id
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=3)
        self._checked: set[str] = set()
        self._http: aiohttp.ClientSession
        self._traces = CallTraces(self._batch)

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=self._timeout, connector=aiohttp.TCPConnector(limit=8))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.close()

    # ---- reading -------------------------------------------------------------------------------------------------------------

    async def block_number(self) -> int:
        return int(wire.decode_text((await self._batch([("eth_blockNumber", [])]))[0]), 16)

    async def header(self, number: int) -> BlockHeader | None:
        """None when the node has no such block (yet, or any more)."""
        found = await self.headers(number, number)
        return found[0] if found else None

    async def headers(self, first: int, last: int) -> list[BlockHeader]:
        """Of blocks first..last, as far as the node has them without a gap."""
        answers = await self._batch([("eth_getBlockByNumber", [hex(number), False]) for number in range(first, last + 1)])
        found = itertools.takewhile(lambda header: header is not None, map(wire.decode_header, answers))
        return [wire.header_of(header) for header in found if header]

    async def read_blocks(self, first: int, last: int, watched: Container[str]) -> list[WireBlock]:
        """Blocks first..last in order, as far as the node has them without a gap, reduced to what touches `watched` (lower case)."""
        answers = await self._batch([("eth_getBlockByNumber", [hex(number), True]) for number in range(first, last + 1)])
        blocks: list[wire.Block] = []
        for number, raw in zip(range(first, last + 1), answers, strict=True):
            block = wire.decode_block(raw)
            if block is None:  # the node does not have it: a retry later, never a skip
                break
            if int(block.number, 16) != number:
                raise InconsistentAnswer(f"asked for block {number}, got {int(block.number, 16)}")
            blocks.append(block)
        logs = await self._logs([block for block in blocks if block.bloom != wire.EMPTY_BLOOM])
        return [wire.reduced(block, logs.get(block.hash, []), watched) for block in blocks]

    async def read_receipts(self, hashes: Iterable[str]) -> dict[str, WireReceipt]:
        """By transaction hash. InconsistentAnswer when one is missing: the block it stood in is gone."""
        calls: list[Call] = [("eth_getTransactionReceipt", [hash_]) for hash_ in hashes]
        rows: list[wire.Receipt] = []
        for call, raw in zip(calls, await self._batch(calls), strict=True):
            row = wire.decode_receipt(raw)
            if row is None:
                raise InconsistentAnswer(f"no receipt for {call[1][0]}")
            rows.append(row)
        limits = await self._gas_limits([row.transaction_hash for row in rows if row.status is None])
        return {row.transaction_hash: wire.receipt_of(row, limits.get(row.transaction_hash)) for row in rows}

    async def _gas_limits(self, hashes: Sequence[str]) -> dict[str, int]:
        answers = await self._batch([("eth_getTransactionByHash", [hash_]) for hash_ in hashes])
        found = zip(hashes, map(wire.decode_gas, answers), strict=True)
        return {hash_: int(row.gas, 16) for hash_, row in found if row is not None}

    async def internal_transfers(self, hashes: Sequence[str]) -> dict[str, tuple[InternalTransfer, ...] | None]:
        """What contracts moved of the native coin in each transaction, by its hash; None where no provider can tell: not the same as none."""
        return await self._traces.internal_transfers(hashes)

    async def transactions_in(self, block_hash: str) -> list[WireTransaction]:
        """All of a block. InconsistentAnswer when the node does not have it."""
        (raw,) = await self._batch([("eth_getBlockByHash", [block_hash, True])])
        if (block := wire.decode_block(raw)) is None or block.hash != block_hash:
            raise InconsistentAnswer(f"no block {block_hash}")
        return [wire.transaction_of(tx) for tx in block.transactions]

    async def balance(self, address: str, block_hash: str) -> int:
        """Wei at that very block (EIP-1898)."""
        return (await self.balances([(address, None)], block_hash))[0]

    async def token_balance(self, contract: str, address: str, block_hash: str) -> int:
        """Base units of an ERC-20 at that very block."""
        return (await self.balances([(address, contract)], block_hash))[0]

    async def balances(self, holdings: Sequence[tuple[str, str | None]], block_hash: str) -> list[int]:
        """One integer for each (address, token contract or None for the native coin), all at one block. A contract that does not answer
        `balanceOf` with a number holds nothing that anyone could know of: 0."""
        block = {"blockHash": block_hash}
        calls: list[Call] = []
        for address, contract in holdings:
            if contract is None:
                calls.append(("eth_getBalance", [address, block]))
            else:
                calls.append(("eth_call", [{"to": contract, "data": "0x70a08231" + "0" * 24 + address[2:].lower()}, block]))
        answers = await self._batch(calls, tolerate_reverts=True)
        return [int(text, 16) if len(text := wire.decode_text(raw)) > 2 else 0 for raw in answers]

    async def call(self, to: str, data: str, block_hash: str | None = None, *, gas: int | None = None) -> bytes:
        """`eth_call` at that block, or at the head, with that much gas at most. Empty when the call reverts or there is no contract; CallRefused when
        it fails otherwise."""
        at: Any = {"blockHash": block_hash} if block_hash else "latest"
        call = {"to": to, "data": data} | ({"gas": hex(gas)} if gas else {})
        (raw,) = await self._batch([("eth_call", [call, at])], tolerate_reverts=True)
        try:
            return bytes.fromhex(wire.decode_text(raw)[2:])
        except ValueError as error:
            raise InconsistentAnswer("the node answered a call with something else than bytes") from error

    async def call_any(self, method: str, params: list[Any]) -> Any:
        """The result of any read, as JSON, from the first provider that answers. CallRefused where each of them refuses."""
        (raw,) = await self._batch([(method, params)])
        return wire.decode_any(raw)

    async def call_once(self, method: str, params: list[Any]) -> Any:
        """One request to one provider, never repeated by anybody: for `eth_sendRawTransaction` and what else has an effect. CallRefused when
        the node refused it; ChainUnavailable when nobody knows: it may have taken effect."""
        (url, *_) = self._urls
        if url not in self._checked:
            await self._check_chain(url)
        try:
            (raw,) = await self._post(url, [(method, params)], False)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._checked.discard(url)
            raise ChainUnavailable(f"the node of chain {self._chain_id} did not answer ({type(error).__name__})") from error
        return wire.decode_any(raw)

    async def _logs(self, blocks: Sequence[wire.Block]) -> dict[str, list[wire.Log]]:
        answers = await self._batch([("eth_getLogs", [{"blockHash": block.hash, "topics": [wire.TOPICS]}]) for block in blocks])
        found: dict[str, list[wire.Log]] = {}
        for block, raw in zip(blocks, answers, strict=True):
            found[block.hash] = logs = wire.decode_logs(raw)
            if any(row.block_hash != block.hash for row in logs):
                raise InconsistentAnswer(f"logs of another block than {block.hash}")
        return found

    # ---- transport -----------------------------------------------------------------------------------------------------------

    async def _batch(self, calls: Sequence[Call], *, tolerate_reverts: bool = False) -> list[msgspec.Raw]:
        """The results in the order of the calls, in batches that providers accept."""
        if not calls:
            return []
        chunks = [calls[start : start + BATCH_CALLS_MAX] for start in range(0, len(calls), BATCH_CALLS_MAX)]
        room = asyncio.Semaphore(_BATCHES_AT_ONCE)

        async def one(chunk: Sequence[Call]) -> list[msgspec.Raw]:
            async with room:
                return await self._from_any(chunk, tolerate_reverts)

        return [raw for results in await asyncio.gather(*map(one, chunks)) for raw in results]

    async def _from_any(self, calls: Sequence[Call], tolerate_reverts: bool) -> list[msgspec.Raw]:
        problem: Exception | None = None
        for url in list(self._urls):
            try:
                if url not in self._checked:
                    await self._check_chain(url)
                return await self._post(url, calls, tolerate_reverts)
            except (aiohttp.ClientError, TimeoutError, ValueError, ChainUnavailable) as error:
                problem = error
                self._checked.discard(url)
        if isinstance(problem, ChainUnavailable):
            raise problem
        raise ChainUnavailable(f"the node of chain {self._chain_id} does not answer ({type(problem).__name__})") from problem

    async def _check_chain(self, url: str) -> None:
        (raw,) = await self._post(url, [("eth_chainId", [])], False)
        if (found := int(wire.decode_text(raw), 16)) != self._chain_id:
            raise ChainUnavailable(f"the node answers for chain {found}, not {self._chain_id}")
        self._checked.add(url)

    async def _post(self, url: str, calls: Sequence[Call], tolerate_reverts: bool) -> list[msgspec.Raw]:
        body = orjson.dumps([{"jsonrpc": "2.0", "id": i, "method": method, "params": params} for i, (method, params) in enumerate(calls)])
        async with self._http.post(url, data=body, headers={"content-type": "application/json"}) as response:
            content = await response.read()
            if response.status != 200:
                raise ChainUnavailable(f"the node of chain {self._chain_id} answered {response.status}")
        answers = {answer.id: answer for answer in wire.decode_answers(content)}
        if len(answers) != len(calls):
            raise InconsistentAnswer(f"{len(calls)} calls, {len(answers)} answers")
        return [_result(answers[i], tolerate_reverts) for i in range(len(calls))]


def _result(answer: wire.Answer, tolerate_reverts: bool) -> msgspec.Raw:
    if answer.error is None:
        return answer.result
    message = str(answer.error.get("message", ""))[:200]
    if tolerate_reverts and (answer.error.get("code") == 3 or "revert" in message.lower()):
        return msgspec.Raw(b'"0x"')
    code, data = answer.error.get("code"), answer.error.get("data")
    raise CallRefused(
        f"the node refused a call: {message}",
        rpc_code=code if isinstance(code, int) else None,
        rpc_message=message,
        rpc_data=data if isinstance(data, str) else None,
    )
