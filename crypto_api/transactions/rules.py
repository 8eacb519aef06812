"""Pure decisions: what a transaction moved, as one organisation sees it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from crypto_api.chains.spam import spam_reason
from crypto_api.chains.types import TokenFacts
from crypto_api.kit.amounts import is_exact, to_units
from crypto_api.kit.ethereum import (
    DEPOSIT_TOPIC,
    NATIVE_DECIMALS,
    TRANSFER_BATCH_TOPIC,
    TRANSFER_SINGLE_TOPIC,
    TRANSFER_TOPIC,
    WITHDRAWAL_TOPIC,
    ZERO_ADDRESS,
    InternalTransfer,
    WireLog,
    WireReceipt,
    WireTransaction,
    address_of_topic,
    checksummed,
)
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions.types import COINS, COLLECTIBLES, FEES, Basis, Direction, Movement, MovementKind

SPAM_KEPT_MAX = 100
"""Of what never counts, a row keeps this many: a stranger's transaction may hold thousands, and a document is bounded."""


AFTER_ALL_TRANSACTIONS = 1_000_000
"""The index of what stands in a block and in none of its transactions."""


@dataclass(frozen=True)
class Sight:
    """Whose eyes see it: the organisation's wallets by address (lower case), and what it knows."""

    own: Mapping[str, str]
    network: NetworkConfig
    tokens: Mapping[str, TokenFacts]  # by contract, lower case
    known_addresses: frozenset[str]  # counterparties and own wallets, lower case

    @property
    def listed_symbols(self) -> frozenset[str]:
        return frozenset({self.network.native_asset, *(token.symbol for token in self.network.listed())})


@dataclass(frozen=True)
class Correction:
    """What a token that is believed by balance did to one of its transfers, in base units."""

    withheld: int = 0  # of what the log says, did not reach the recipient
    charged: int = 0  # was taken from the sender on top


@dataclass(frozen=True)
class Seen:
    """A transaction with everything that is known about what it did. `logs` are those that touch a watched address at least."""

    tx: WireTransaction
    logs: Sequence[WireLog] = ()
    receipt: WireReceipt | None = None  # absent where neither sender nor recipient is watched: then logs exist, so it succeeded
    internal: Sequence[InternalTransfer] | None = None  # None: nobody could trace it
    corrections: Mapping[int, Correction] | None = None  # by log index


@dataclass(frozen=True)
class _Leg:
    key: str
    kind: MovementKind
    facts: TokenFacts | None  # None: the native coin
    raw: int
    sender: str
    recipient: str
    log_index: int | None = None
    basis: Basis = Basis.EVENT
    token_id: int | None = None
    event_raw: int | None = None


def movements_of(sight: Sight, seen: Seen) -> list[Movement]:
    """Everything that the transaction moved from or to a wallet of the organisation. A reverted transaction moved nothing but its gas."""
    tx, receipt = seen.tx, seen.receipt
    legs: list[_Leg] = []
    if tx.minted:
        legs.append(_Leg("mint", MovementKind.NATIVE, None, tx.minted, ZERO_ADDRESS, tx.sender))
    if receipt is None or receipt.succeeded:
        legs.extend(_happened(sight, seen))
    if receipt is not None and tx.sender in sight.own:
        legs.append(_Leg("gas", MovementKind.GAS, None, receipt.fee, tx.sender, ZERO_ADDRESS))
    ours = [leg for leg in legs if leg.sender in sight.own or leg.recipient in sight.own]
    return [_movement(sight, tx, leg) for leg in ours or _bait(sight, seen)]


def without_flood(movements: Sequence[Movement]) -> tuple[list[Movement], int]:
    """All that counts and the first of what is spam; how many were left out."""
    kept, spam = [], 0
    for movement in movements:
        spam += movement.spam
        if not movement.spam or spam <= SPAM_KEPT_MAX:
            kept.append(movement)
    return kept, len(movements) - len(kept)


def _happened(sight: Sight, seen: Seen) -> list[_Leg]:
    tx = seen.tx
    legs = [_Leg("value", MovementKind.NATIVE, None, tx.value, tx.sender, tx.receiver)] if tx.value else []
    wrapper = _Wrapper(sight, seen)
    for row in seen.logs:
        legs.extend(wrapper.legs(row) if wrapper.owns(row) else _log_legs(sight, row, seen.corrections or {}))
    legs.extend(
        _Leg(f"trace:{row.path}", MovementKind.INTERNAL, None, row.value, row.sender, row.recipient, basis=Basis.TRACE) for row in wrapper.unexplained
    )
    return legs


def _bait(sight: Sight, seen: Seen) -> list[_Leg]:
    """A call with nothing, from a stranger, that did nothing else to the wallet: shown apart, a known way of baiting."""
    tx = seen.tx
    if (seen.receipt is not None and not seen.receipt.succeeded) or tx.value or tx.receiver not in sight.own or tx.sender in sight.own:
        return []
    return [_Leg("value", MovementKind.NATIVE, None, 0, tx.sender, tx.receiver)]


# ---- tokens ----------------------------------------------------------------------------------------------------------------------


def _log_legs(sight: Sight, row: WireLog, corrections: Mapping[int, Correction]) -> list[_Leg]:
    facts, topics, key = sight.tokens.get(row.address), row.topics, f"log:{row.log_index}"
    if facts is None or not topics:
        return []
    if _is_erc20(row) and (raw := erc20_amount(row)) is not None:
        leg = _Leg(key, MovementKind.ERC20, facts, raw, *_ends(row), row.log_index)
        return _corrected(sight, leg, corrections[row.log_index]) if row.log_index in corrections else [leg]
    if topics[0] == TRANSFER_TOPIC and len(topics) == 4:
        return [_Leg(key, MovementKind.ERC721, facts, 1, *_ends(row), row.log_index, token_id=int(topics[3], 16))]
    if topics[0] in (TRANSFER_SINGLE_TOPIC, TRANSFER_BATCH_TOPIC) and len(topics) == 4:
        many, moved = topics[0] == TRANSFER_BATCH_TOPIC, _erc1155_amounts(row)
        return [
            _Leg(f"{key}:{i}" if many else key, MovementKind.ERC1155, facts, raw, *_ends(row), row.log_index, token_id=token_id)
            for i, (token_id, raw) in enumerate(moved)
        ]
    return []


def _is_erc20(row: WireLog) -> bool:
    return len(row.topics) == 3 and row.topics[0] == TRANSFER_TOPIC


def erc20_amount(row: WireLog) -> int | None:
    """Of a Transfer with three topics; None where its data is not one uint256."""
    return int(row.data, 16) if len(row.data) == 66 else None


def _ends(row: WireLog) -> tuple[str, str]:
    """Sender and recipient: the second and third topic, but the third and fourth of an ERC-1155 transfer."""
    first = 1 if row.topics[0] == TRANSFER_TOPIC else 2
    return address_of_topic(row.topics[first]), address_of_topic(row.topics[first + 1])


def _erc1155_amounts(row: WireLog) -> list[tuple[int, int]]:
    """(token id, amount). Empty where the data is not what the standard says: nothing is known to have moved then."""
    kinds = ["uint256", "uint256"] if row.topics[0] == TRANSFER_SINGLE_TOPIC else ["uint256[]", "uint256[]"]
    try:
        ids, amounts = decode(kinds, bytes.fromhex(row.data[2:]))
    except (DecodingError, OverflowError, ValueError):
        return []
    if isinstance(ids, int):
        return [(ids, amounts)]
    return list(zip(ids, amounts, strict=True)) if len(ids) == len(amounts) else []


def _corrected(sight: Sight, leg: _Leg, correction: Correction) -> list[_Leg]:
    """What arrived is what is credited. What did not is the sender's cost, and ours where the sender is ours."""
    legs, ours = [leg], leg.recipient in sight.own
    lost = correction.charged + (correction.withheld if ours else 0)
    if ours and correction.withheld:
        legs = [replace(leg, raw=leg.raw - correction.withheld, event_raw=leg.raw, basis=Basis.BALANCE)]
    if lost and leg.sender in sight.own and leg.facts is not None:
        contract = leg.facts.contract.lower()
        legs.append(_Leg(f"{leg.key}:fee", MovementKind.LEVY, leg.facts, lost, leg.sender, contract, leg.log_index, Basis.BALANCE))
    return legs


def corrections_of(logs: Iterable[WireLog], changes: Mapping[tuple[str, str], int]) -> dict[int, Correction]:
    """By log index: how the transfers of a block are to be read so that they make up what the balances changed by. `changes` holds it for
    (contract, address), lower case, in base units. What arrived short is taken off the incoming transfers in proportion to them, what went
    beyond that is a charge on the first outgoing one. What came in beyond the logs is no transfer's: a checkpoint finds it."""
    transfers = [(row, raw) for row in logs if _is_erc20(row) and (raw := erc20_amount(row)) is not None]
    found: dict[int, Correction] = {}
    for (contract, address), change in sorted(changes.items()):
        mine = [(row, raw, *_ends(row)) for row, raw in transfers if row.address == contract]
        incoming = [(row.log_index, raw) for row, raw, _, recipient in mine if recipient == address]
        outgoing = [(row.log_index, raw) for row, raw, sender, _ in mine if sender == address]
        missing = sum(raw for _, raw in incoming) - sum(raw for _, raw in outgoing) - change
        if missing <= 0:
            continue
        withheld = _shares(min(missing, sum(raw for _, raw in incoming)), incoming)
        for index, share in withheld.items():
            found[index] = replace(found.get(index, Correction()), withheld=share)
        rest = missing - sum(withheld.values())
        if rest and outgoing:
            index = outgoing[0][0]
            found[index] = replace(found.get(index, Correction()), charged=rest)
    return found


def _shares(total: int, parts: Sequence[tuple[int, int]]) -> dict[int, int]:
    """`total` split in proportion, none above its part, adding up exactly: what rounding leaves goes to the first that have room."""
    whole = sum(raw for _, raw in parts)
    shares = {index: total * raw // whole for index, raw in parts} if whole else {}
    rest = total - sum(shares.values())
    for index, raw in parts:
        more = min(rest, raw - shares.get(index, 0))
        if more > 0:
            shares[index] += more
            rest -= more
    return {index: share for index, share in shares.items() if share}


# ---- the coin in its wrapped form ------------------------------------------------------------------------------------------------


class _Wrapper:
    """Reads what the contract of the wrapped coin says. WETH9 tells a deposit and a withdrawal by events of their own; the coin's leg of a
    withdrawal is an internal call, and so is that of a deposit which is not the transaction itself. It has the same key whether or not the
    node can trace, and is taken out of the traces, so that it never counts twice. Some wrappers tell a Transfer beside their event."""

    def __init__(self, sight: Sight, seen: Seen) -> None:
        wrapped = sight.network.wrapped_native
        self._facts = sight.tokens.get(wrapped.address.lower()) if wrapped else None
        self._address = wrapped.address.lower() if wrapped else None
        self._seen = seen
        self._value_is_free = seen.tx.recipient == self._address and seen.tx.value > 0
        self._told = [(*_ends(row), row.data) for row in seen.logs if row.address == self._address and _is_erc20(row)]
        self.unexplained = list(seen.internal or ())

    def owns(self, row: WireLog) -> bool:
        return self._facts is not None and row.address == self._address and row.topics[:1] in ((DEPOSIT_TOPIC,), (WITHDRAWAL_TOPIC,))

    def legs(self, row: WireLog) -> list[_Leg]:
        raw = erc20_amount(row)
        if raw is None or len(row.topics) != 2:
            return []
        owner, deposit = address_of_topic(row.topics[1]), row.topics[0] == DEPOSIT_TOPIC
        sender, recipient = (row.address, owner) if deposit else (owner, row.address)
        found = []
        told = (ZERO_ADDRESS, owner, row.data) if deposit else (owner, ZERO_ADDRESS, row.data)
        if told in self._told:
            self._told.remove(told)
        else:
            found.append(_Leg(f"log:{row.log_index}", MovementKind.ERC20, self._facts, raw, sender, recipient, row.log_index))
        if not (deposit and self._is_the_value(owner, raw)) and self._coin_moved(recipient, sender, raw):
            found.append(_Leg(f"log:{row.log_index}:native", MovementKind.NATIVE, None, raw, recipient, sender, row.log_index))
        return found

    def _is_the_value(self, owner: str, raw: int) -> bool:
        """The coin went out as the transaction's value: once."""
        tx = self._seen.tx
        if not (self._value_is_free and tx.sender == owner and tx.value == raw):
            return False
        self._value_is_free = False
        return True

    def _coin_moved(self, sender: str, recipient: str, raw: int) -> bool:
        if self._seen.internal is None:
            return True
        match = next((row for row in self.unexplained if (row.sender, row.recipient, row.value) == (sender, recipient, raw)), None)
        if match is not None:
            self.unexplained.remove(match)
        return match is not None


# ---- movements -------------------------------------------------------------------------------------------------------------------


def _movement(sight: Sight, tx: WireTransaction, leg: _Leg) -> Movement:
    direction = _direction(sight, leg)
    asset, symbol, decimals = _asset(sight, leg)
    amount = to_units(leg.raw, decimals) if decimals is not None else None
    return Movement(
        key=leg.key,
        kind=leg.kind,
        asset=asset,
        contract=leg.facts.contract if leg.facts else None,
        symbol=symbol,
        decimals=decimals,
        raw_amount=str(leg.raw),
        amount=amount if amount is not None and is_exact(amount) else None,
        direction=direction,
        wallet_id=sight.own[leg.recipient if direction is Direction.IN else leg.sender],
        counter_wallet_id=sight.own[leg.recipient] if direction is Direction.INTERNAL else None,
        from_address=checksummed(leg.sender),
        to_address=checksummed(leg.recipient),
        log_index=leg.log_index,
        basis=leg.basis,
        token_id=None if leg.token_id is None else str(leg.token_id),
        raw_event_amount=None if leg.event_raw is None else str(leg.event_raw),
        spam_reason=None if leg.kind is MovementKind.GAS else _spam_reason(sight, tx, leg, direction),
    )


def _asset(sight: Sight, leg: _Leg) -> tuple[str, str, int | None]:
    """Its id, its symbol, its decimals. What a contract of collectibles says of decimals means nothing: it counts pieces."""
    if leg.facts is None:
        return sight.network.native_asset, sight.network.native_asset, NATIVE_DECIMALS
    if leg.kind in COLLECTIBLES:
        return f"eip155:{sight.network.chain_id}/{leg.kind.value}:{leg.facts.contract}", leg.facts.symbol, 0  # CAIP-19
    return leg.facts.asset, leg.facts.symbol, leg.facts.decimals


def _direction(sight: Sight, leg: _Leg) -> Direction:
    if leg.sender in sight.own:
        return Direction.INTERNAL if leg.recipient in sight.own else Direction.OUT
    return Direction.IN


def _spam_reason(sight: Sight, tx: WireTransaction, leg: _Leg, direction: Direction) -> str | None:
    return spam_reason(
        listed=leg.facts is None or (leg.facts.listed and leg.kind not in COLLECTIBLES),
        symbol=leg.facts.symbol if leg.facts else sight.network.native_asset,
        name=leg.facts.name if leg.facts else "",
        raw_amount=leg.raw,
        incoming=direction is Direction.IN,
        sent_by_us=tx.sender in sight.own,
        listed_symbols=sight.listed_symbols,
        counterparty=leg.sender if direction is Direction.IN else leg.recipient,
        known_addresses=sight.known_addresses,
    )


def coin_change(movements: Iterable[Movement], address: str) -> int:
    """What they say that the native coin of an address (EIP-55) changed by, in wei."""
    moved = [row for row in movements if row.kind in COINS]
    return sum(int(row.raw_amount) for row in moved if row.to_address == address) - sum(
        int(row.raw_amount) for row in moved if row.from_address == address
    )


def net_of(movements: Iterable[Movement]) -> dict[str | None, int]:
    """What the organisation has more of by them, or less, below zero: base units by contract (lower case; None: the native coin). Without fees,
    spam and collectibles."""
    sums: dict[str | None, int] = {}
    for row in movements:
        if row.kind in FEES or row.spam or row.collectible or row.direction is Direction.INTERNAL:
            continue
        key = row.contract.lower() if row.contract else None
        sums[key] = sums.get(key, 0) + (int(row.raw_amount) if row.direction is Direction.IN else -int(row.raw_amount))
    return {key: raw for key, raw in sums.items() if raw}


def with_what_was_found(before: Iterable[Movement], now: Sequence[Movement]) -> list[Movement]:
    """A transaction's movements as they are read again, with the moves of the coin by calls that were found before where nobody tells of any now: a
    node that has forgotten its traces answers with an empty one, and what a trace said goes before what a balance says. Where a trace tells of some,
    it is believed."""
    found, told = [row for row in before if _by_call(row)], [row for row in now if _by_call(row)]
    traced_before, traced_now = (any(row.basis is Basis.TRACE for row in rows) for rows in (found, told))
    if not found or traced_now or (told and not traced_before):
        return list(now)
    return [*(row for row in now if not _by_call(row)), *found]


def _by_call(row: Movement) -> bool:
    """The coin, moved by a contract: no log and no value says so, or the wrapped coin's log where its call was found."""
    return row.kind in COINS and (row.basis is not Basis.EVENT or row.key.endswith(":native"))


def by_balance(network: NetworkConfig, address: str, wallet_id: str, change: int, token: TokenFacts | None = None, key: str = "balance") -> Movement:
    """A change of a balance (EIP-55 address, base units) that nothing else tells of. Who is on the other side is not known."""
    unknown = checksummed(ZERO_ADDRESS)
    decimals = token.decimals if token else NATIVE_DECIMALS
    amount = to_units(abs(change), decimals) if decimals is not None else None
    return Movement(
        key=key,
        kind=MovementKind.ERC20 if token else MovementKind.INTERNAL,
        asset=token.asset if token else network.native_asset,
        contract=token.contract if token else None,
        symbol=token.symbol if token else network.native_asset,
        decimals=decimals,
        raw_amount=str(abs(change)),
        amount=amount if amount is not None and is_exact(amount) else None,
        direction=Direction.IN if change > 0 else Direction.OUT,
        wallet_id=wallet_id,
        from_address=unknown if change > 0 else address,
        to_address=address if change > 0 else unknown,
        basis=Basis.BALANCE,
    )
