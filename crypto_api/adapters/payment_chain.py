"""A node as payments need it: what a call would do and cost, sending once, and what became of it. EIP-1474 and the execution API."""

from collections.abc import Sequence
from statistics import median
from typing import Any, Protocol

import rlp
from eth_abi.abi import encode

from crypto_api.kit.ethereum import BlockHeader, CallRefused, ChainUnavailable, InconsistentAnswer, checksummed
from crypto_api.kit.sending import (
    AUTHORIZATION_GAS,
    PLAIN_TRANSFER_GAS,
    FeeMarket,
    Handed,
    NodeCall,
    NodeReceipt,
    NodeTransaction,
    Quote,
    Quotes,
    Simulated,
    TokenTransfer,
    gas_limit,
    revert_reason,
    transfer_refused,
    visible,
)

_BALANCE_OF, _TRANSFER = "0x70a08231", "0xa9059cbb"  # ERC-20 balanceOf(address), transfer(address,uint256)
_TRANSFER_EVENT = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"  # Transfer(address,address,uint256)
_GET_L1_FEE = "0x49948e0e"  # GasPriceOracle.getL1Fee(bytes) of OP-stack networks
_L1_MARGIN_PERCENT = 50  # what the chain below asks for moves by up to an eighth a block
_BLOCKS_OF_FEES = 20
_AUTHORIZATION_BYTES = 110  # of a transaction of type 4, at most
_GAS_WHERE_UNKNOWN = 150_000  # of a call that could not be estimated because the wallet is empty: it is not sent then
_BLOCKS_SEARCHED_MAX = 1 << 24
_MARKET: list[tuple[str, list[Any]]] = [
    ("eth_getBlockByNumber", ["latest", False]),
    ("eth_feeHistory", [hex(_BLOCKS_OF_FEES), "latest", [50]]),
]
Json = dict[str, Any]
RpcCall = tuple[str, list[Any]]


class Caller(Protocol):
    async def call_any(self, method: str, params: list[Any]) -> Any: ...

    async def call_each(self, calls: Sequence[RpcCall]) -> list[Any]:
        """CallRefused stands in the place of an answer that was refused."""

    async def send_each(self, calls: Sequence[RpcCall]) -> list[Any]:
        """To one node, each once. ChainUnavailable (CallRefused where the node said no) stands in the place of a result."""

    async def header(self, number: int) -> BlockHeader | None: ...

    async def agree(self, number: int, block_hash: str) -> None:
        """InconsistentAnswer unless as many providers as must agree name that block at that height."""


class PaymentNode:
    """Every method raises ChainUnavailable when no node answers."""

    def __init__(self, rpc: Caller, l1_fee_oracle: str | None = None) -> None:
        """`l1_fee_oracle`: the contract that tells what a rollup takes beside the gas, where the gas does not hold it."""
        self._rpc, self._oracle = rpc, l1_fee_oracle

    # ---- before ------------------------------------------------------------------------------------------------------------------

    async def nonce_at_head(self, address: str) -> int:
        """Mined transactions only: what waits in a pool may be lost, and another's pool is not ours."""
        return _number(await self._rpc.call_any("eth_getTransactionCount", [address, "latest"]))

    async def market(self) -> FeeMarket:
        header, history = await self._rpc.call_each(_MARKET)
        return await self._market(_answered(header), history)

    async def _market(self, header: Any, history: Any) -> FeeMarket:
        if not isinstance(header, dict):
            raise InconsistentAnswer("the node has no newest block")
        if header.get("baseFeePerGas") is None:  # from before EIP-1559, or without it
            return FeeMarket(0, _number(await self._rpc.call_any("eth_gasPrice", [])), legacy=True)
        history = _answered(history)
        try:
            base = [_number(fee) for fee in history.get("baseFeePerGas") or ["0x0"]]
            tips = [tip for (reward,) in history.get("reward") or [] if (tip := _number(reward)) > 0]
        except (TypeError, ValueError, AttributeError) as error:
            raise InconsistentAnswer("the node's fee history is malformed") from error
        # EIP-7702 came with Prague, whose blocks name their requests (EIP-7685). Where that cannot be seen it is not tried: a node refuses the bytes
        # of what it does not know, and those of its cancellation as well.
        return FeeMarket(base[-1], int(median(tips)) if tips else await self._suggested_tip(), set_code=header.get("requestsHash") is not None)

    async def _suggested_tip(self) -> int:
        """Where the last blocks say nothing, being empty."""
        try:
            return _number(await self._rpc.call_any("eth_maxPriorityFeePerGas", []))
        except CallRefused:
            return 0

    async def quote(self, address: str, to: str, value: int, data: str, token: str | None) -> Quote:
        """Of one call by `address` at the head. `token`: the ERC-20 whose balance is asked as well."""
        return Quote.of(await self.quotes(address, [NodeCall(to, value, data, token)]), token)

    async def quotes(self, address: str, calls: Sequence[NodeCall]) -> Quotes:
        """Each call by itself, and what its sender has, at the head."""
        tokens = sorted({call.token for call in calls if call.token is not None})
        asked: list[RpcCall] = [
            *_MARKET,
            ("eth_getTransactionCount", [address, "latest"]),
            ("eth_getBalance", [address, "latest"]),
            ("eth_getCode", [address, "latest"]),
            *(("eth_call", [{"to": token, "data": _BALANCE_OF + "0" * 24 + address[2:].lower()}, "latest"]) for token in tokens),
        ]
        rows = [{"from": address, "to": call.to, "value": hex(call.value), "data": call.data} for call in calls]
        as_if = [[_with_code(address, call.code)] if call.code is not None else [] for call in calls]
        simulated: list[RpcCall] = [("eth_call", [row, "latest", *more]) for row, more in zip(rows, as_if, strict=True)]
        estimated: list[RpcCall] = [("eth_estimateGas", [row, "latest", *more] if more else [row]) for row, more in zip(rows, as_if, strict=True)]
        answers = await self._rpc.call_each([*asked, *simulated, *estimated])
        header, history, nonce, balance, code, *held = map(_answered, answers[: len(asked)])
        would, gas = answers[len(asked) : len(asked) + len(rows)], answers[len(asked) + len(rows) :]
        authorized = [AUTHORIZATION_GAS if call.code is not None else 0 for call in calls]
        limits = [gas_limit(_gas(row, answer) + more) for row, answer, more in zip(rows, gas, authorized, strict=True)]
        sizes = [row | {"data": row["data"] + "ff" * _AUTHORIZATION_BYTES} if more else row for row, more in zip(rows, authorized, strict=True)]
        l1_fees = await self._l1_fees(sizes, limits, _number(nonce))
        return Quotes(
            _number(nonce),
            await self._market(header, history),
            _number(balance),
            {token: _number(answer) if len(str(answer)) > 2 else 0 for token, answer in zip(tokens, held, strict=True)},
            tuple(Simulated(limit, _reverts(row, answer), fee) for row, limit, answer, fee in zip(rows, limits, would, l1_fees, strict=True)),
            _bytes(code),
        )

    async def _l1_fees(self, rows: Sequence[Json], limits: Sequence[int], nonce: int) -> list[int]:
        """Wei for putting each on the chain below, with a margin: the oracle is shown the transaction as it will look, unsigned."""
        if self._oracle is None:
            return [0] * len(rows)
        asked: list[RpcCall] = []
        for row, limit in zip(rows, limits, strict=True):
            data = _GET_L1_FEE + encode(["bytes"], [_unsigned(row, limit, nonce)]).hex()
            asked.append(("eth_call", [{"to": self._oracle, "data": data}, "latest"]))
        fees = [_number(_answered(answer)) for answer in await self._rpc.call_each(asked)]
        return [fee + fee * _L1_MARGIN_PERCENT // 100 for fee in fees]

    async def has_code(self, address: str) -> bool:
        return bool(await self.with_code([address]))

    async def code(self, address: str) -> bytes:
        """Empty where there is none."""
        (found,) = await self.codes([address])
        return found

    async def codes(self, addresses: Sequence[str], block: str | None = None) -> list[bytes]:
        """At the head, or in the state after a block that is named by its hash. CallRefused where the node has forgotten that state."""
        at: str | Json = "latest" if block is None else {"blockHash": block}
        return [_bytes(_answered(answer)) for answer in await self._rpc.call_each([("eth_getCode", [address, at]) for address in addresses])]

    async def with_code(self, addresses: Sequence[str]) -> set[str]:
        """Those that have code."""
        answers = await self._rpc.call_each([("eth_getCode", [address, "latest"]) for address in addresses]) if addresses else []
        return {address for address, answer in zip(addresses, answers, strict=True) if len(str(_answered(answer))) > 2}

    async def unused(self, addresses: Sequence[str], token: str | None) -> set[str]:
        """Those to whom paying costs what a new account costs: of the coin, without balance, nonce and code; of a token, without any of it."""
        asked: list[RpcCall] = []
        for address in addresses:
            if token is not None:
                asked.append(("eth_call", [{"to": token, "data": _BALANCE_OF + "0" * 24 + address[2:].lower()}, "latest"]))
            else:
                asked += [
                    ("eth_getBalance", [address, "latest"]),
                    ("eth_getTransactionCount", [address, "latest"]),
                    ("eth_getCode", [address, "latest"]),
                ]
        answers = [str(_answered(answer)) for answer in await self._rpc.call_each(asked)] if asked else []
        each = 1 if token is not None else 3
        parts = [answers[at : at + each] for at in range(0, len(answers), each)]
        return {address for address, part in zip(addresses, parts, strict=True) if not any(part_.strip("0x") for part_ in part)}

    async def arrives(self, address: str, call: NodeCall, token: str, payees: Sequence[str]) -> list[int] | None:
        """Base units of the token that each of these would have more after the call: tokens may keep a fee. None where the node cannot simulate
        (`eth_simulateV1`)."""
        asks = [{"from": address, "to": token, "data": _BALANCE_OF + "0" * 24 + payee[2:].lower()} for payee in payees]
        calls = [*asks, {"from": address, "to": call.to, "data": call.data}, *asks]
        block: Json = {"calls": calls} | ({"stateOverrides": _with_code(address, call.code)} if call.code is not None else {})
        try:
            blocks = await self._rpc.call_any("eth_simulateV1", [{"blockStateCalls": [block]}, "latest"])
            told = [_number(result["returnData"]) for place, result in enumerate(blocks[0]["calls"]) if place != len(payees)]
            return [after - before for before, after in zip(told[: len(payees)], told[len(payees) :], strict=True)]
        except (CallRefused, InconsistentAnswer, LookupError, TypeError, ValueError):
            return None

    # ---- sending -----------------------------------------------------------------------------------------------------------------

    async def send_raw(self, raws: Sequence[str]) -> list[Handed]:
        """Each once, to one node, in that order, without a retry. What the node said against one decides nothing."""
        answers = await self._rpc.send_each([("eth_sendRawTransaction", [raw]) for raw in raws])
        return [_handed(answer) for answer in answers]

    # ---- after -------------------------------------------------------------------------------------------------------------------

    async def receipts(self, hashes: Sequence[str]) -> dict[str, NodeReceipt]:
        """Those that the node has, by hash."""
        answers = await self._rpc.call_each([("eth_getTransactionReceipt", [hash_]) for hash_ in hashes])
        return {hash_: _receipt(hash_, row) for hash_, row in zip(hashes, map(_answered, answers), strict=True) if row is not None}

    async def known(self, hashes: Sequence[str]) -> set[str]:
        """Those that the node has, mined or waiting."""
        answers = await self._rpc.call_each([("eth_getTransactionByHash", [hash_]) for hash_ in hashes])
        return {hash_ for hash_, row in zip(hashes, map(_answered, answers), strict=True) if row is not None}

    async def transaction(self, hash_: str) -> NodeTransaction | None:
        row = await self._rpc.call_any("eth_getTransactionByHash", [hash_])
        return _transaction(row) if row is not None else None

    async def stands(self, number: int, block_hash: str) -> bool:
        """Whether the chain has that block at that height, by the word of as many providers as must agree on it; InconsistentAnswer where they do
        not."""
        header = await self._rpc.header(number)
        if header is None or header.hash != block_hash:
            return False
        await self._rpc.agree(number, block_hash)
        return True

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


def _answered(answer: Any) -> Any:
    """Raises CallRefused where the node refused."""
    if isinstance(answer, ChainUnavailable):
        raise answer
    return answer


def _handed(answer: Any) -> Handed:
    match answer:
        case CallRefused():
            return Handed(True, visible(answer.rpc_message or answer.detail))
        case ChainUnavailable():
            return Handed(False, answer.detail)
    return Handed(True)


def _reverts(call: Json, answer: Any) -> str | None:
    """Why it would fail. A wallet that is merely too poor is for the balances to tell."""
    if isinstance(answer, CallRefused):
        if is_revert(answer):
            return revert_reason(answer.rpc_data, answer.rpc_message)
        if _is_about_funds(answer):
            return None
    if call["data"].startswith(_TRANSFER) and transfer_refused(bytes.fromhex(str(_answered(answer))[2:])):
        return "the token answers that the transfer did not happen"
    _answered(answer)
    return None


def _gas(call: Json, answer: Any) -> int:
    if isinstance(answer, CallRefused) and (is_revert(answer) or _is_about_funds(answer)):
        return PLAIN_TRANSFER_GAS if call["data"] == "0x" else _GAS_WHERE_UNKNOWN
    return _number(_answered(answer))


def _unsigned(call: Json, gas: int, nonce: int) -> bytes:
    """A transaction of type 2 (EIP-1559) as it will look, with fees of usual length: only its size and its bytes count."""
    fee = 10**10
    fields = [10_000, nonce, fee, fee, gas, bytes.fromhex(call["to"][2:]), int(call["value"], 16), bytes.fromhex(call["data"][2:]), []]
    return b"\x02" + bytes(rlp.encode(fields))


def _with_code(address: str, code: bytes) -> Json:
    """A state override, as geth, Erigon, Nethermind, Reth and Anvil take it: the account as it will be once it has delegated."""
    return {address: {"code": "0x" + code.hex()}}


def _bytes(value: Any) -> bytes:
    try:
        return bytes.fromhex(value.removeprefix("0x"))
    except (AttributeError, ValueError) as error:
        raise InconsistentAnswer("the node answered with something else than bytes") from error


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
            transfers=tuple(_transfer(entry) for entry in row.get("logs") or [] if _is_transfer(entry)),
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise InconsistentAnswer("the node's receipt is malformed") from error


def _is_transfer(entry: Any) -> bool:
    """Of an ERC-20: two of its three values are indexed."""
    return len(entry["topics"]) == 3 and entry["topics"][0] == _TRANSFER_EVENT and len(entry["data"]) == 66


def _transfer(entry: Any) -> TokenTransfer:
    sender, payee = (checksummed("0x" + topic[-40:]) for topic in entry["topics"][1:])
    return TokenTransfer(checksummed(entry["address"]), sender, payee, _number(entry["data"]))


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
