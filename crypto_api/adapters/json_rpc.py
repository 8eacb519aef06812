"""Reading a chain over JSON-RPC by a fast reader of our own; heads come by web3's subscription (`head_subscription.py`).

Answers are decoded by `wire.py`. Logs are asked for by block hash: a lagging node then errs instead of answering "none". An answer is used
only if it agrees with what was asked and with the block's own header; else the next provider is asked (`providers.py`), and where there
is none, the caller tries again later.
"""

import asyncio
import itertools
from collections.abc import Container, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, NoReturn, Self

import msgspec

from crypto_api.adapters import block_checks, wire
from crypto_api.adapters.providers import Provider, ProviderPool
from crypto_api.adapters.rpc_transport import Call
from crypto_api.adapters.testimony import balance_call, balance_of, testimonies
from crypto_api.adapters.traces import CallTraces
from crypto_api.adapters.transaction_proofs import check_same, check_transactions
from crypto_api.kit import log
from crypto_api.kit.ethereum import (
    TRANSFER_TOPIC,
    BlockHeader,
    CallRefused,
    ChainUnavailable,
    InconsistentAnswer,
    InternalTransfer,
    Testimony,
    WireBlock,
    WireReceipt,
    WireTransaction,
)
from crypto_api.kit.networks import Endpoint, NetworkConfig, ProviderHealth

logger = log.get(__name__)

_LANES = 2  # batches that are read at once
_PROVED_KEPT = 20_000  # receipts


class _FoundOut(InconsistentAnswer):
    """What was told cannot be, and those who told it are set aside."""


@dataclass
class _Told:
    """A block as it was told, and by whom: block and logs may come from different providers."""

    block: wire.Block
    by: set[Provider]
    logs: list[wire.Log] = field(default_factory=list)

    def reduced(self, watched: Container[str]) -> WireBlock:
        """Raises InconsistentAnswer, and blames, where its parts do not fit together."""
        try:
            found = wire.reduced(self.block, self.logs, watched)
            if found.transactions or found.logs:
                block_checks.check_block(self.block, found)
        except InconsistentAnswer as error:
            self.blame(error)
        return found

    def blame(self, error: InconsistentAnswer) -> NoReturn:
        for provider in self.by:
            provider.failed(error)
        raise _FoundOut(error.detail) from error


class JsonRpcChain:
    """One network through its providers. Every method raises ChainUnavailable when none of them answers."""

    def __init__(
        self,
        endpoints: Sequence[str | Endpoint],
        chain_id: int,
        *,
        agreement: int = 1,
        receipts_checked: Literal["none", "ours", "all"] = "none",
        lag_blocks_max: int = 5,
    ) -> None:
        named = [Endpoint(url=each) if isinstance(each, str) else each for each in endpoints]
        self._pool = ProviderPool(named, chain_id, lag_blocks_max=lag_blocks_max)
        self._agreement, self._receipts_checked = agreement, receipts_checked
        self._traces = CallTraces(self._raw)
        self._proved: dict[str, block_checks.Proved] = {}  # by transaction hash, of the blocks proved last

    @classmethod
    def of(cls, network: NetworkConfig) -> Self:
        return cls(
            network.endpoints(),
            network.chain_id,
            agreement=network.agreement,
            receipts_checked=network.receipts_checked,
            lag_blocks_max=network.lag_blocks_max,
        )

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._pool.__aexit__(kind, error, trace)

    def forget(self) -> int:
        """What providers did not offer is asked of them again. How many methods."""
        return sum(provider.forget() for provider in self._pool.providers)

    def providers(self) -> list[ProviderHealth]:
        """How each provider does, in order of preference."""
        return self._pool.report()

    # ---- reading -------------------------------------------------------------------------------------------------------------

    async def block_number(self) -> int:
        return await self._pool.head()

    async def header(self, number: int) -> BlockHeader | None:
        """None when the node has no such block (yet, or any more)."""
        found = await self.headers(number, number)
        return found[0] if found else None

    async def tagged(self, tag: Literal["safe", "finalized"]) -> BlockHeader | None:
        """The highest block that as many providers as must agree call so; None where fewer know such a tag, or of any block yet."""
        told = await self._pool.tagged(tag, self._agreement)
        return min(map(wire.header_of, told), key=lambda header: header.number) if len(told) >= self._agreement else None

    async def headers(self, first: int, last: int) -> list[BlockHeader]:
        """Of blocks first..last, as far as the node has them without a gap."""

        def read(index: int, raw: msgspec.Raw) -> BlockHeader | None:
            found = wire.decode_header(raw)
            return _at(first + index, wire.header_of(found)) if found is not None else None

        answers = await self._pool.read([("eth_getBlockByNumber", [hex(number), False]) for number in range(first, last + 1)], read)
        return [header for header in itertools.takewhile(lambda header: header is not None, answers) if header is not None]

    async def read_blocks(self, first: int, last: int, watched: Container[str]) -> list[WireBlock]:
        """Blocks first..last in order, as far as the node has them without a gap, reduced to what touches `watched` (lower case). A batch at a time,
        few at once, so that however many are asked for, only a few full blocks are in memory."""
        size = self._pool.batch_size()
        found: dict[int, list[WireBlock]] = {}
        starts = iter(range(first, last + 1, size))

        async def lane() -> None:
            for start in starts:
                end = min(start + size - 1, last)
                found[start] = await self._read_batch(start, end, watched, known=start == first)
                if len(found[start]) <= end - start:
                    return

        await _together(lane() for _ in range(min(_LANES, -(-(last + 1 - first) // size))))
        blocks: list[WireBlock] = []
        for start in sorted(found):
            if start != first + len(blocks):
                break
            blocks += found[start]
        return blocks

    async def _read_batch(self, first: int, last: int, watched: Container[str], *, known: bool) -> list[WireBlock]:
        for _ in range(self._pool.count - 1):
            try:
                return await self._read_once(first, last, watched, known=known)
            except _FoundOut as error:  # whoever said so is not asked again for a while
                logger.info("blocks are read again", first=first, reason=error.detail)
        return await self._read_once(first, last, watched, known=known)

    async def _read_once(self, first: int, last: int, watched: Container[str], *, known: bool) -> list[WireBlock]:
        """`known` says that the first of them must be there, if any provider told of a head so high."""

        def read(index: int, raw: msgspec.Raw) -> wire.Block | None:
            block = wire.decode_block(raw)
            if block is None:
                if known and index == 0 and first <= self._pool.head_known():  # never a skip: another provider, or later
                    raise InconsistentAnswer(f"block {first} is not there, though it was told of")
                return None
            if wire.quantity(block.number, 53) != first + index:
                raise InconsistentAnswer(f"asked for block {first + index}, got {block.number[:20]}")
            _check_places(block)
            return block

        answers = await self._pool.read_sources([("eth_getBlockByNumber", [hex(number), True]) for number in range(first, last + 1)], read)
        blocks = [_Told(block, {by}) for block, by in itertools.takewhile(lambda answer: answer[0] is not None, answers) if block is not None]
        await self._add_logs([told for told in blocks if told.block.bloom != wire.EMPTY_BLOOM])
        found = [told.reduced(watched) for told in blocks]
        await self._check_receipts(blocks, found, watched)
        return found

    async def read_receipts(self, hashes: Iterable[str]) -> dict[str, WireReceipt]:
        """By transaction hash. InconsistentAnswer when one is missing: the block it stood in is gone. A mapping says in which block each must be."""
        wanted, blocks = list(hashes), hashes if isinstance(hashes, Mapping) else {}

        def read(index: int, raw: msgspec.Raw) -> wire.Receipt:
            row = wire.decode_receipt(raw)
            if row is None:
                raise InconsistentAnswer(f"no receipt for {wanted[index]}")
            if row.transaction_hash != wanted[index]:
                raise InconsistentAnswer(f"asked for the receipt of {wanted[index]}, got another's")
            if row.block_hash != blocks.get(row.transaction_hash, row.block_hash):
                raise InconsistentAnswer(f"the receipt of {wanted[index]} is of another block than its transaction")
            told, proved = wire.receipt_of(row, wire.Gas("0x0", "0x0")), self._proved.get(row.transaction_hash)
            if proved is not None and proved.block_hash == row.block_hash and (told.gas_used, row.status) != (proved.gas_used, proved.status):
                raise InconsistentAnswer(f"the receipt of {wanted[index]} is not the one that its block's header stands for")
            return row

        rows = await self._pool.read([("eth_getTransactionReceipt", [hash_]) for hash_ in wanted], read)
        gas = await self._gas([row.transaction_hash for row in rows if wire.lacks_gas(row)])
        return {row.transaction_hash: wire.receipt_of(row, gas.get(row.transaction_hash)) for row in rows}

    async def _gas(self, hashes: Sequence[str]) -> dict[str, wire.Gas]:
        answers = await self._raw([("eth_getTransactionByHash", [hash_]) for hash_ in hashes])
        found = zip(hashes, map(wire.decode_gas, answers), strict=True)
        return {hash_: row for hash_, row in found if row is not None}

    async def internal_transfers(self, hashes: Sequence[str]) -> dict[str, tuple[InternalTransfer, ...] | None]:
        """What contracts moved of the native coin in each transaction, by its hash; None where no provider can tell: not the same as none."""
        return await self._traces.internal_transfers(hashes)

    async def internal_transfers_in(self, header: BlockHeader) -> dict[str, tuple[InternalTransfer, ...]] | None:
        """The same of every transaction of a block, by one call."""
        return await self._traces.internal_transfers_in(header)

    async def transactions_in(self, block_hash: str) -> list[WireTransaction]:
        """All of a block. InconsistentAnswer when the node does not have it."""

        def read(_: int, raw: msgspec.Raw) -> wire.Block:
            if (block := wire.decode_block(raw)) is None or block.hash != block_hash:
                raise InconsistentAnswer(f"no block {block_hash}")
            _check_places(block)
            return block

        (block,) = await self._pool.read([("eth_getBlockByHash", [block_hash, True])], read)
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
        calls = [balance_call(holding, {"blockHash": block_hash}) for holding in holdings]
        return await self._pool.read(calls, lambda index, raw: balance_of(holdings[index], raw), tolerate_reverts=True)

    async def call(self, to: str, data: str, block_hash: str | None = None, *, gas: int | None = None) -> bytes:
        """`eth_call` at that block, or at the head, with that much gas at most. Empty when the call reverts or there is no contract; CallRefused when
        it fails otherwise."""
        at: Any = {"blockHash": block_hash} if block_hash else "latest"
        call = {"to": to, "data": data} | ({"gas": hex(gas)} if gas else {})
        (text,) = await self._pool.read([("eth_call", [call, at])], lambda _, raw: wire.decode_text(raw), tolerate_reverts=True)
        try:
            return bytes.fromhex(text[2:])
        except ValueError as error:
            raise InconsistentAnswer("the node answered a call with something else than bytes") from error

    async def _raw(self, calls: Sequence[Call]) -> list[msgspec.Raw]:
        return await self._pool.read(calls, lambda _, raw: raw)

    async def call_any(self, method: str, params: list[Any]) -> Any:
        """The result of any read, as JSON, from the first provider that answers. CallRefused where each of them refuses."""
        (result,) = await self._pool.read([(method, params)], lambda _, raw: wire.decode_any(raw))
        return result

    async def call_each(self, calls: Sequence[Call]) -> list[Any]:
        """The same of many reads in as few batches as it takes. Where one is refused, CallRefused stands in the place of its result."""
        try:
            return list(await self._pool.read(calls, lambda _, raw: wire.decode_any(raw)))
        except CallRefused as error:
            if len(calls) == 1:
                return [error]
        half = len(calls) // 2  # a batch fails as a whole: the one that is refused is looked for by halving
        return [*await self.call_each(calls[:half]), *await self.call_each(calls[half:])]

    async def call_once(self, method: str, params: list[Any]) -> Any:
        """The same of one call: CallRefused when the node refused it; ChainUnavailable when nobody knows."""
        (answer,) = await self.send_each([(method, params)])
        if isinstance(answer, ChainUnavailable):
            raise answer
        return answer

    async def send_each(self, calls: Sequence[Call]) -> list[Any]:
        """Each to one provider, in that order, never repeated by anybody: for `eth_sendRawTransaction` and what else has an effect. In the place of
        a result stands CallRefused where the node refused it, or another ChainUnavailable where nobody knows: it may have taken effect."""
        answers = await self._pool.once_each(calls)
        return [answer if isinstance(answer, ChainUnavailable) else wire.decode_any(answer) for answer in answers]

    async def agree(self, number: int, block_hash: str) -> None:
        """InconsistentAnswer unless as many providers as the network asks for name that block at that height. One that is outvoted is set aside."""
        if self._agreement < 2:
            return
        agreeing: set[str] = set()
        others: list[Provider] = []
        async for provider, (header,) in self._pool.each([("eth_getBlockByNumber", [hex(number), False])], lambda _, raw: wire.decode_header(raw)):
            if header is not None and header.hash == block_hash:
                agreeing.add(provider.endpoint.host)
            elif header is not None:
                others.append(provider)
            if len(agreeing) >= self._agreement:
                for each in others:
                    each.failed(InconsistentAnswer(f"it names another block {number} than {len(agreeing)} others"))
                return
        against = f"; {', '.join(each.endpoint.host for each in others)} named another" if others else ""
        raise InconsistentAnswer(
            f"{len(agreeing)} of the {self._agreement} providers that must agree named block {number} as it is held here{against}"
        )

    async def testimonies(self, number: int, block_hash: str, hashes: Sequence[str], holdings: Sequence[tuple[str, str | None]]) -> list[Testimony]:
        """What each provider tells for itself of a block, of transactions in it, and of balances at its end."""
        return await testimonies(self._pool, number, block_hash, hashes, holdings)

    async def still_named(self, number: int, block_hash: str) -> bool:
        """Whether more providers name that block at that height than name another: then those are set aside, and it is no reorganisation."""
        naming, others = 0, []
        async for provider, (header,) in self._pool.each([("eth_getBlockByNumber", [hex(number), False])], lambda _, raw: wire.decode_header(raw)):
            if header is not None and header.hash == block_hash:
                naming += 1
            elif header is not None:
                others.append(provider)
        outvoted = naming > len(others)
        for each in others if outvoted else []:
            each.failed(InconsistentAnswer(f"it names another block {number} than {naming} others"))
        return outvoted

    # ---- checking ------------------------------------------------------------------------------------------------------------

    async def _add_logs(self, blocks: Sequence[_Told]) -> None:
        def read(index: int, raw: msgspec.Raw) -> list[wire.Log]:
            return _of_block(blocks[index].block.hash, wire.decode_logs(raw))

        answers = await self._pool.read_sources([_logs_call(told.block.hash) for told in blocks], read)
        for told, (logs, by) in zip(blocks, answers, strict=True):
            told.logs = logs
            told.by.add(by)
            if not logs and block_checks.may_hold(block_checks.bloom_of(told.block), TRANSFER_TOPIC):
                told.logs = await self._second_opinion(told.block)

    async def _second_opinion(self, block: wire.Block) -> list[wire.Log]:
        """Of a block whose header speaks of transfers while none were told. Two providers that tell none are believed, or one alone, twice: the
        header may claim more than there is."""
        silent: list[Provider] = []
        async for provider, (logs,) in self._pool.each([_logs_call(block.hash)], lambda _, raw: _of_block(block.hash, wire.decode_logs(raw))):
            if logs:
                for each in silent:
                    each.failed(InconsistentAnswer(f"it left out the logs of block {int(block.number, 16)}"))
                return logs
            silent.append(provider)
            if len(silent) == 2:
                break
        if not silent:
            raise InconsistentAnswer(f"block {int(block.number, 16)} has logs that nobody tells")
        return []

    async def _check_receipts(self, blocks: Sequence[_Told], found: Sequence[WireBlock], watched: Container[str]) -> None:
        """Where the network asks for it: transactions and receipts up to their roots in the header, and the header up to its hash. Raises
        InconsistentAnswer."""
        if self._receipts_checked == "none":
            return
        for told in blocks:
            if not told.block.transactions and told.block.transactions_root.lower() not in ("", block_checks.OF_NO_TRANSACTIONS):
                told.blame(InconsistentAnswer(f"block {told.block.hash} was told without its transactions"))
        for told, reduced in zip(blocks, found, strict=True):
            if self._receipts_checked == "all" or reduced.transactions:
                header, receipts = await self._prove(told.block)
                self._keep(block_checks.proved_of(receipts))
                logs = [row for receipt in receipts for row in receipt.logs if row.topics and row.topics[0] in wire.TOPICS]
                true = _Told(told.block, told.by, logs).reduced(watched)
                try:
                    await asyncio.to_thread(_check_told, header, self._to_compare(told.block, reduced))
                    if header.bloom.lower() != told.block.bloom.lower() or true.logs != reduced.logs:
                        raise InconsistentAnswer(f"logs of block {told.block.hash} differ from those in its receipts")
                except InconsistentAnswer as error:
                    told.blame(error)

    def _to_compare(self, block: wire.Block, reduced: WireBlock) -> Sequence[WireTransaction]:
        """Where every block is proved, every transaction: whoever tells another sender or recipient hides one that is ours among those of others."""
        return [wire.transaction_of(tx) for tx in block.transactions] if self._receipts_checked == "all" else reduced.transactions

    def _keep(self, proved: Mapping[str, block_checks.Proved]) -> None:
        self._proved |= proved
        for hash_ in list(itertools.islice(self._proved, max(len(self._proved) - _PROVED_KEPT, 0))):
            del self._proved[hash_]

    async def _prove(self, block: wire.Block) -> tuple[block_checks.FullHeader, list[block_checks.FullReceipt]]:
        def read(index: int, raw: msgspec.Raw) -> Any:
            answer: Any = block_checks.decode_full_header(raw) if index == 0 else block_checks.decode_full_receipts(raw)
            if answer is None:
                raise InconsistentAnswer(f"block {block.hash} is not there any more")
            return answer

        header, receipts = await self._pool.read([("eth_getBlockByHash", [block.hash, True]), ("eth_getBlockReceipts", [block.hash])], read)
        hashes = [tx.hash for tx in block.transactions]
        if header.hash != block.hash or [tx.hash for tx in header.transactions] != hashes or [row.transaction_hash for row in receipts] != hashes:
            raise InconsistentAnswer(f"what was told of block {block.hash} are not the same transactions")
        await asyncio.to_thread(_prove, header, receipts)  # a hundred milliseconds for a full block
        return header, receipts


async def _together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All at once; when one fails, the others are ended, and what it raised is raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _prove(header: block_checks.FullHeader, receipts: list[block_checks.FullReceipt]) -> None:
    block_checks.check_header(header)
    check_transactions(header.transactions_root, header.transactions)
    block_checks.check_receipts(header, receipts)


def _check_told(header: block_checks.FullHeader, told: Sequence[WireTransaction]) -> None:
    """Their hashes are those of the header's already. Half a millisecond for each signature."""
    proved = {tx.hash: tx for tx in header.transactions}
    for tx in told:
        check_same(proved[tx.hash], tx)


def _at(number: int, header: BlockHeader) -> BlockHeader:
    if header.number != number:
        raise InconsistentAnswer(f"asked for block {number}, got {header.number}")
    return header


def _check_places(block: wire.Block) -> None:
    """By the last one: none before it is missing. Each that is used is checked for itself."""
    if block.transactions and wire.quantity(block.transactions[-1].index) != len(block.transactions) - 1:
        raise InconsistentAnswer(f"block {block.hash} was told without some of its transactions")


def _logs_call(block_hash: str) -> Call:
    return "eth_getLogs", [{"blockHash": block_hash, "topics": [wire.TOPICS]}]


def _of_block(block_hash: str, logs: list[wire.Log]) -> list[wire.Log]:
    if any(row.block_hash != block_hash for row in logs):
        raise InconsistentAnswer(f"logs of another block than {block_hash}")
    if len({row.log_index for row in logs}) != len(logs):
        raise InconsistentAnswer(f"a log of block {block_hash} was told twice")
    return logs
