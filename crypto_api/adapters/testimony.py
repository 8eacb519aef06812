"""What each provider of a network tells for itself, where one provider's word is not enough."""

from collections.abc import Sequence
from typing import Any

import msgspec

from crypto_api.adapters import block_checks, wire
from crypto_api.adapters.providers import ProviderPool
from crypto_api.adapters.rpc_transport import Call
from crypto_api.kit.ethereum import InconsistentAnswer, Testimony, WireLog

Holding = tuple[str, str | None]


async def testimonies(pool: ProviderPool, number: int, block_hash: str, hashes: Sequence[str], holdings: Sequence[Holding]) -> list[Testimony]:
    """One of each host that answers. Transactions and balances only of those that name that block at that height."""
    calls = [("eth_getBlockByNumber", [hex(number), False]), *_calls(block_hash, hashes, holdings)]
    found: dict[str, Testimony] = {}
    async for provider, raws in pool.each(calls, lambda _, raw: raw, tolerate_reverts=True):
        try:
            told = _testimony(provider.endpoint.host, raws, block_hash, hashes, holdings)
        except InconsistentAnswer as error:
            provider.failed(error)
            continue
        found.setdefault(told.host, told)
    return list(found.values())


def balance_call(holding: Holding, block: dict[str, str]) -> Call:
    """At that very block (EIP-1898)."""
    address, contract = holding
    if contract is None:
        return "eth_getBalance", [address, block]
    return "eth_call", [{"to": contract, "data": "0x70a08231" + "0" * 24 + address[2:].lower()}, block]  # balanceOf(address)


def balance_of(holding: Holding, raw: msgspec.Raw) -> int:
    """A contract that does not answer `balanceOf` with a number holds nothing that anyone could know of: 0."""
    text = wire.decode_text(raw)
    return wire.quantity(text) if holding[1] is None or 2 < len(text) <= 66 else 0


def _calls(block_hash: str, hashes: Sequence[str], holdings: Sequence[Holding]) -> list[Call]:
    of_transactions: list[Call] = [(method, [hash_]) for hash_ in hashes for method in ("eth_getTransactionByHash", "eth_getTransactionReceipt")]
    return [*of_transactions, *(balance_call(holding, {"blockHash": block_hash}) for holding in holdings)]


def _testimony(host: str, raws: Sequence[msgspec.Raw], block_hash: str, hashes: Sequence[str], holdings: Sequence[Holding]) -> Testimony:
    header = wire.decode_header(raws[0])
    if header is None or header.hash != block_hash:
        return Testimony(host, header.hash if header else None)
    transactions, succeeded = {}, {}
    logs: dict[tuple[str, int], WireLog] = {}
    for place, hash_ in enumerate(hashes):
        tx, receipt = wire.decode_transaction(raws[1 + 2 * place]), _decode_receipt(raws[2 + 2 * place])
        if tx is None or receipt is None or receipt.block_hash != block_hash or (tx.hash, receipt.transaction_hash) != (hash_, hash_):
            continue
        transactions[hash_], succeeded[hash_] = wire.transaction_of(tx), _succeeded(receipt)
        logs |= {(hash_, log.log_index): log for log in map(wire.log_of, receipt.logs)}
    rest = raws[1 + 2 * len(hashes) :]
    balances = {holding: balance_of(holding, raw) for holding, raw in zip(holdings, rest, strict=True)}
    return Testimony(host, block_hash, transactions, succeeded, logs, balances)


def _succeeded(receipt: block_checks.FullReceipt) -> bool:
    """Before Byzantium a receipt did not say: what left a log had not failed, and of a plain transfer its value is asked for beside it."""
    return receipt.status == "0x1" if receipt.status is not None else True


_decode_receipt: Any = wire.decoder(block_checks.FullReceipt | None)  # type: ignore[arg-type]
