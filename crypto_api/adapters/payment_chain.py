"""A node as payments need it: what a call would do and cost, sending once, and what became of it. EIP-1474 and the execution API."""

import asyncio
from collections.abc import Sequence
from statistics import median
from typing import Any, Protocol

from crypto_api.kit.ethereum import CallRefused, InconsistentAnswer, checksummed
from crypto_api.kit.sending import (
    PLAIN_TRANSFER_GAS,
    FeeMarket,
    NodeReceipt,
    NodeTransaction,
    Quote,
    gas_limit,
    revert_reason,
    transfer_refused,
    visible,
)

_BALANCE_OF, _TRANSFER = "0x70a08231", "0xa9059cbb"  # ERC-20 balanceOf(address), transfer(address,uint256)
_BLOCKS_OF_FEES = 20
_GAS_WHERE_UNKNOWN = 150_000  # of a call that could not be estimated because the wallet is empty: it is not sent then
_BLOCKS_SEARCHED_MAX = 1 << 24
Json = dict[str, Any]


class Caller(Protocol):
    async def call_any(self, method: str, params: list[Any]) -> Any: ...

    async def call_once(self, method: str, params: list[Any]) -> Any: ...


class PaymentNode:
    """Every method raises ChainUnavailable when no node answers."""

    def __init__(self, rpc: Caller) -> None:
        self._rpc = rpc

    # ---- before ------------------------------------------------------------------------------------------------------------------

    async def nonce_at_head(self, address: str) -> int:
        """Mined transactions only: what waits in a pool may be lost, and another's pool is not ours."""
        return _number(await self._rpc.call_any("eth_getTransactionCount", [address, "latest"]))

    async def market(self) -> FeeMarket:
        history = await self._rpc.call_any("eth_feeHistory", [hex(_BLOCKS_OF_FEES), "latest", [50]])
        try:
            base = [_number(fee) for fee in history.get("baseFeePerGas") or ["0x0"]]
            tips = [tip for (reward,) in history.get("reward") or [] if (tip := _number(reward)) > 0]
        except (TypeError, ValueError, AttributeError) as error:
            raise InconsistentAnswer("the node's fee history is malformed") from error
        return FeeMarket(base[-1], int(median(tips)) if tips else await self._suggested_tip())

    async def _suggested_tip(self) -> int:
        """Where the last blocks say nothing, being empty."""
        try:
            return _number(await self._rpc.call_any("eth_maxPriorityFeePerGas", []))
        except CallRefused:
            return 0

    async def quote(self, address: str, to: str, value: int, data: str, token: str | None) -> Quote:
        """Of a call by `address` at the head. `token`: the ERC-20 whose balance is asked as well."""
        call = {"from": address, "to": to, "value": hex(value), "data": data}
        nonce, market, balance, held, reverts, gas = await asyncio.gather(
            self.nonce_at_head(address),
            self.market(),
            self._balance(address),
            self._token_balance(token, address) if token else _nothing(),
            self._simulated(call),
            self._gas(call),
        )
        return Quote(nonce, gas_limit(gas), market, balance, held, reverts)

    async def has_code(self, address: str) -> bool:
        return len(str(await self._rpc.call_any("eth_getCode", [address, "latest"]))) > 2

    async def arrives(self, address: str, token: str, data: str, payee: str) -> int | None:
        """Base units that the payee would have more after this transfer: tokens may keep a fee. None where the node cannot simulate
        (`eth_simulateV1`)."""
        ask = {"from": address, "to": token, "data": _BALANCE_OF + "0" * 24 + payee[2:].lower()}
        calls = [ask, {"from": address, "to": token, "data": data}, ask]
        try:
            blocks = await self._rpc.call_any("eth_simulateV1", [{"blockStateCalls": [{"calls": calls}]}, "latest"])
            before, _, after = [_number(result["returnData"]) for result in blocks[0]["calls"]]
        except (CallRefused, InconsistentAnswer, LookupError, TypeError, ValueError):
            return None
        return after - before

    async def _balance(self, address: str) -> int:
        return _number(await self._rpc.call_any("eth_getBalance", [address, "latest"]))

    async def _token_balance(self, token: str, address: str) -> int:
        answer = str(await self._rpc.call_any("eth_call", [{"to": token, "data": _BALANCE_OF + "0" * 24 + address[2:].lower()}, "latest"]))
        return _number(answer) if len(answer) > 2 else 0

    async def _simulated(self, call: Json) -> str | None:
        """Why it would fail. A wallet that is merely too poor is for the balances to tell."""
        try:
            answer = await self._rpc.call_any("eth_call", [call, "latest"])
        except CallRefused as error:
            if is_revert(error):
                return revert_reason(error.rpc_data, error.rpc_message)
            if _is_about_funds(error):
                return None
            raise
        if call["data"].startswith(_TRANSFER) and transfer_refused(bytes.fromhex(str(answer)[2:])):
            return "the token answers that the transfer did not happen"
        return None

    async def _gas(self, call: Json) -> int:
        try:
            return _number(await self._rpc.call_any("eth_estimateGas", [call]))
        except CallRefused as error:
            if is_revert(error) or _is_about_funds(error):
                return PLAIN_TRANSFER_GAS if call["data"] == "0x" else _GAS_WHERE_UNKNOWN
            raise

    # ---- sending -----------------------------------------------------------------------------------------------------------------

    async def send_raw(self, raw: str) -> str | None:
        """Once, to one node, without a retry. What the node said against it, for people to read; it decides nothing. ChainUnavailable when nobody
        knows whether it arrived."""
        try:
            await self._rpc.call_once("eth_sendRawTransaction", [raw])
        except CallRefused as error:
            return visible(error.rpc_message or error.detail)
        return None

    # ---- after -------------------------------------------------------------------------------------------------------------------

    async def receipts(self, hashes: Sequence[str]) -> dict[str, NodeReceipt]:
        """Those that the node has, by hash."""
        answers = await asyncio.gather(*(self._rpc.call_any("eth_getTransactionReceipt", [hash_]) for hash_ in hashes))
        return {hash_: _receipt(hash_, row) for hash_, row in zip(hashes, answers, strict=True) if row is not None}

    async def transaction(self, hash_: str) -> NodeTransaction | None:
        row = await self._rpc.call_any("eth_getTransactionByHash", [hash_])
        return _transaction(row) if row is not None else None

    async def mined_with_nonce(self, address: str, nonce: int) -> NodeTransaction | None:
        """The mined transaction of `address` with that nonce: found by halving, since a nonce only grows along the chain. None where none is
        mined, or the node has forgotten the states in between."""
        head = _number(await self._rpc.call_any("eth_blockNumber", []))
        low, high, reach = head, head, 1
        try:
            if await self._nonce_at(address, head) <= nonce:
                return None
            while low > 0 and await self._nonce_at(address, low) > nonce and reach < _BLOCKS_SEARCHED_MAX:
                high, low, reach = low, max(0, head - reach), reach * 2
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if await self._nonce_at(address, middle) > nonce else (middle, high)
        except CallRefused:
            return None
        return await self._in_block(address, nonce, high)

    async def _nonce_at(self, address: str, block: int) -> int:
        return _number(await self._rpc.call_any("eth_getTransactionCount", [address, hex(block)]))

    async def _in_block(self, address: str, nonce: int, number: int) -> NodeTransaction | None:
        block = await self._rpc.call_any("eth_getBlockByNumber", [hex(number), True])
        rows = map(_transaction, (block or {}).get("transactions", []))
        return next((row for row in rows if row.sender == address and row.nonce == nonce), None)


def is_revert(error: CallRefused) -> bool:
    """The contract said no: geth, anvil and others use code 3, or say so."""
    return error.rpc_code == 3 or "revert" in error.rpc_message.lower()


def _is_about_funds(error: CallRefused) -> bool:
    said = error.rpc_message.lower()
    return "insufficient" in said or "outoffund" in said.replace(" ", "") or "exceeds allowance" in said


async def _nothing() -> None:
    return None


def _number(value: Any) -> int:
    try:
        return int(value, 16)
    except (TypeError, ValueError) as error:
        raise InconsistentAnswer("the node answered with something else than a number") from error


def _receipt(hash_: str, row: Any) -> NodeReceipt:
    try:
        if row["transactionHash"].lower() != hash_.lower():
            raise InconsistentAnswer(f"asked for the receipt of {hash_}, got {row['transactionHash']}")
        return NodeReceipt(
            hash=hash_,
            block_number=_number(row["blockNumber"]),
            block_hash=row["blockHash"],
            succeeded=row["status"] == "0x1",
            gas_used=_number(row["gasUsed"]),
            effective_gas_price=_number(row.get("effectiveGasPrice") or "0x0"),
            l1_fee=_number(row.get("l1Fee") or "0x0"),
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise InconsistentAnswer("the node's receipt is malformed") from error


def _transaction(row: Any) -> NodeTransaction:
    try:
        return NodeTransaction(
            hash=row["hash"],
            sender=checksummed(row["from"]),
            nonce=_number(row["nonce"]),
            to=checksummed(row["to"]) if row.get("to") else None,
            value=_number(row["value"]),
            data=row["input"],
            block_number=_number(row["blockNumber"]) if row.get("blockNumber") else None,
        )
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise InconsistentAnswer("the node's transaction is malformed") from error
