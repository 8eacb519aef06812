"""A network as the machine of payments sees it: the node says what it has, our own follower says which of it is canonical, and how deep, and our
own rows of the block must say the same of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from crypto_api.chains import store as chains
from crypto_api.kit.ethereum import ZERO_ADDRESS, CallRefused
from crypto_api.kit.sending import FeeMarket, Handed, NodeCall, NodeReceipt, NodeTransaction, Quote, Quotes
from crypto_api.payments.batch import BATCH_CONTRACT, BATCH_DELEGATE, CODE, delegated_code, read_batch, read_delegated
from crypto_api.payments.types import Call, Delegation, Expected, Probe, Receipt, SeenTransaction
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import Opening, Wallet


class Node(Protocol):
    """Every method raises ChainUnavailable when it cannot answer."""

    async def nonce_at_head(self, address: str) -> int: ...

    async def market(self) -> FeeMarket: ...

    async def quotes(self, address: str, calls: Sequence[NodeCall]) -> Quotes: ...

    async def quote(self, address: str, to: str, value: int, data: str, token: str | None) -> Quote: ...

    async def has_code(self, address: str) -> bool: ...

    async def code(self, address: str) -> bytes: ...

    async def with_code(self, addresses: Sequence[str]) -> set[str]: ...

    async def unused(self, addresses: Sequence[str], token: str | None) -> set[str]: ...

    async def codes(self, addresses: Sequence[str], block: str | None = None) -> list[bytes]: ...

    async def arrives(self, address: str, call: NodeCall, token: str, payees: Sequence[str]) -> list[int] | None: ...

    async def send_raw(self, raws: Sequence[str]) -> list[Handed]: ...

    async def receipts(self, hashes: Sequence[str]) -> dict[str, NodeReceipt]: ...

    async def transaction(self, hash_: str) -> NodeTransaction | None: ...

    async def known(self, hashes: Sequence[str]) -> set[str]: ...

    async def mined_with_nonce(self, address: str, nonce: int) -> NodeTransaction | None: ...

    async def stands(self, number: int, block_hash: str) -> bool: ...


class FollowedChain:
    """`payments.types.PaymentChain`."""

    def __init__(self, network: str, node: Node) -> None:
        self._network, self._node = network, node

    async def nonce_at_head(self, address: str) -> int:
        return await self._node.nonce_at_head(address)

    async def market(self) -> FeeMarket:
        return await self._node.market()

    async def quotes(self, address: str, calls: Sequence[Probe]) -> Quotes:
        return await self._node.quotes(address, [node_call(each.call, each.token, each.delegation) for each in calls])

    async def codes(self, addresses: Sequence[str]) -> list[bytes]:
        return await self._node.codes(addresses)

    async def send_raw(self, raws: Sequence[str]) -> list[Handed]:
        return await self._node.send_raw(raws)

    async def known(self, hashes: Sequence[str]) -> set[str]:
        return await self._node.known(hashes)

    async def receipts(self, expected: Sequence[Expected]) -> dict[str, Receipt]:
        """A receipt whose block the follower has not processed, or has undone, is none; one that says something else than our own row of that
        block is disputed."""
        told = await self._node.receipts([each.hash for each in expected])
        found = await self._compared(expected, told)
        if any(receipt.disputed for receipt in found.values()):  # the follower may have gone on between the reads
            found = await self._compared(expected, told)
        return found

    async def _compared(self, expected: Sequence[Expected], told: Mapping[str, NodeReceipt]) -> dict[str, Receipt]:
        followed = await followed_receipts(self._network, self._node, told.values())
        asked = [each for each in expected if each.hash in followed]
        rows = await _own_rows(asked)
        watched = await _watched(asked)
        found: dict[str, Receipt] = {}
        for each in asked:
            receipt, row = followed[each.hash], rows.get(each.hash)
            wallet = watched.get(each.wallet_id)
            if row is not None:
                found[each.hash] = replace(receipt, disputed=_difference(each, receipt, row))
            elif wallet is not None and _counts_at(wallet, each, receipt):
                found[each.hash] = replace(receipt, disputed=_MISSING.format(each.hash, receipt.block_number))
            else:  # nobody here reads the blocks for it
                found[each.hash] = receipt
            if receipt.succeeded and not found[each.hash].disputed:
                found[each.hash] = replace(found[each.hash], disputed=_unpaid(each, told[each.hash]) or await self._without_code(each, receipt))
        return found

    async def _without_code(self, expected: Expected, receipt: Receipt) -> str:
        """Of an account that pays the coin as its own code (EIP-7702), which leaves no event: whether the account had our code in that block, in a
        sentence where it had not. A call of an account without code succeeds as well, and pays nobody."""
        paid = read_delegated(expected.sender, expected.call) if expected.call is not None else None
        if paid is None or paid[0] is not None:
            return ""
        needed = {expected.sender: delegated_code(BATCH_DELEGATE), BATCH_DELEGATE: CODE[BATCH_DELEGATE]}
        try:
            codes = await self._node.codes(list(needed), receipt.block_hash)
        except CallRefused:  # it has forgotten that state. Only our own transactions change what the account runs, so the head tells as much
            codes = await self._node.codes(list(needed))
        return "" if codes == list(needed.values()) else _RAN_NOTHING.format(expected.sender, receipt.block_number)

    async def transaction(self, hash_: str) -> SeenTransaction | None:
        return _seen(await self._node.transaction(hash_))

    async def mined_with_nonce(self, address: str, nonce: int) -> SeenTransaction | None:
        return _seen(await self._node.mined_with_nonce(address, nonce))


async def followed_receipts(network: str, node: Node, told: Iterable[NodeReceipt]) -> dict[str, Receipt]:
    """Those that stand in a block that our own follower holds as canonical, by hash. Of a block so deep that its header is no longer kept, our own
    row in it says so; where nobody here watched who sent it, as many providers as must agree on what is final. Whoever was away for long still
    learns what became of a payment."""
    receipts = list(told)
    cursor = await chains.cursor(network) if receipts else None
    if cursor is None:
        return {}
    numbers = {row.block_number for row in receipts if row.block_number <= cursor.height}
    canonical = await chains.canonical_hashes(network, numbers)
    if deep := {number for number in numbers - canonical.keys() if number < cursor.height - chains.BLOCKS_KEPT}:
        canonical |= await transactions.standing_of_network(network, deep)
        unseen = {(row.block_number, row.block_hash) for row in receipts if row.block_number in deep - canonical.keys()}
        canonical |= {number: block_hash for number, block_hash in sorted(unseen) if await node.stands(number, block_hash)}
    return {
        row.hash: Receipt(
            row.hash,
            row.block_number,
            row.block_hash,
            row.succeeded,
            row.gas_used,
            row.effective_gas_price,
            row.l1_fee,
            depth=cursor.height - row.block_number,
            final=row.block_number <= cursor.confirmed,
        )
        for row in receipts
        if canonical.get(row.block_number) == row.block_hash
    }


async def _own_rows(expected: Sequence[Expected]) -> dict[str, Transaction]:
    """Our own rows of those transactions, by hash."""
    ids: dict[str, list[str]] = {}
    for each in expected:
        ids.setdefault(each.org_id, []).append(transactions.transaction_id(each.org_id, each.chain_id, each.hash))
    return {row.hash: row for org_id, row_ids in ids.items() for row in await transactions.by_ids(org_id, row_ids)}


async def _watched(expected: Sequence[Expected]) -> dict[str, Wallet]:
    """Their senders as far as the follower looks for them, by id."""
    found: dict[str, Wallet] = {}
    for org_id in {each.org_id for each in expected}:
        rows = await wallets.by_ids(org_id, sorted({each.wallet_id for each in expected if each.org_id == org_id}))
        found |= {row.id: row for row in rows if row.active and row.monitoring_enabled and row.opening is Opening.DONE}
    return found


def _counts_at(wallet: Wallet, expected: Expected, receipt: Receipt) -> bool:
    """Whether there must be a row: what costs nothing and moves nothing has none."""
    opened = wallet.opened_at_height
    return wallet.address == expected.sender and (opened is None or opened < receipt.block_number) and receipt.fee > 0


_MISSING = "A node says that {} stands in block {}, and our own reading of that block does not have it. Nothing is decided until they agree."
_UNPAID = "The token's events in {} do not tell that these payees of the batch got their amounts: {}. Nothing is decided until they do."
_RAN_NOTHING = "{} did not run our code in block {}, so nobody was paid by its call. Nothing is decided until that is explained."
_DIFFERS = "A node and our own reading of block {} do not agree about {}: {}. Nothing is decided until they do."


def _difference(expected: Expected, receipt: Receipt, row: Transaction) -> str:
    """In a sentence; empty where they agree."""
    differs = []
    if row.orphaned or (row.block_number, row.block_hash) != (receipt.block_number, receipt.block_hash):
        differs.append(f"we have it in block {row.block_number} ({row.block_hash}{', taken back' if row.orphaned else ''})")
    if row.succeeded is not receipt.succeeded:
        differs.append("we have it as " + ("successful" if row.succeeded else "failed"))
    if row.from_address != expected.sender:
        differs.append(f"we have it from {row.from_address}")
    if row.nonce is not None and row.nonce != expected.nonce:
        differs.append(f"we have it with nonce {row.nonce}, and sent it with {expected.nonce}")
    return _DIFFERS.format(receipt.block_number, receipt.hash, ", ".join(differs)) if differs else ""


def _unpaid(expected: Expected, receipt: NodeReceipt) -> str:
    """Of a batch of an ERC-20: which of its payees the token's events do not tell of, in a sentence. The coin leaves no event, and is paid by this
    call of this contract to all of them, or it reverts."""
    call = expected.call
    if call is None:
        return ""
    read, pays = (read_batch(call), BATCH_CONTRACT) if call.to != expected.sender else (read_delegated(call.to, call), call.to)
    token, shares = read or (None, [])
    if token is None:
        return ""
    seen = Counter((row.to_address, row.raw_amount) for row in receipt.transfers if (row.token, row.from_address) == (token, pays))
    missing = Counter((share.payee, share.raw_amount) for share in shares) - seen
    return _UNPAID.format(receipt.hash, ", ".join(sorted(payee for payee, _ in missing))[:300]) if missing else ""


def node_call(call: Call, token: str | None, delegation: Delegation | None) -> NodeCall:
    """As the node is asked about it: with the code that its sender will have, where the transaction changes that."""
    code = None
    if delegation is not None and delegation.authorizes:
        code = b"" if delegation.delegate == ZERO_ADDRESS else CODE[delegation.delegate]
    return NodeCall(call.to, int(call.value_raw), call.data, token, code)


def _seen(row: NodeTransaction | None) -> SeenTransaction | None:
    if row is None:
        return None
    call = Call(to=row.to or ZERO_ADDRESS, value_raw=str(row.value), data=row.data)
    return SeenTransaction(row.hash, row.sender, row.nonce, call, row.block_number)
