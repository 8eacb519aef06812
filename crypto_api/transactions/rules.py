"""Pure decisions: what a transaction moved, as one organisation sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crypto_api.chains.spam import spam_reason
from crypto_api.chains.types import TokenFacts
from crypto_api.kit.amounts import is_exact, to_units
from crypto_api.kit.ethereum import (
    DEPOSIT_TOPIC,
    NATIVE_DECIMALS,
    TRANSFER_TOPIC,
    WITHDRAWAL_TOPIC,
    ZERO_ADDRESS,
    WireLog,
    WireReceipt,
    WireTransaction,
    address_of_topic,
    checksummed,
)
from crypto_api.kit.networks import NetworkConfig
from crypto_api.transactions.types import Direction, Movement, MovementKind


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
class _Leg:
    key: str
    kind: MovementKind
    facts: TokenFacts | None  # None: the native coin
    raw: int
    sender: str
    recipient: str
    log_index: int | None = None


def movements_of(sight: Sight, tx: WireTransaction, logs: Sequence[WireLog], receipt: WireReceipt | None) -> list[Movement]:
    """Everything that the transaction moved from or to a wallet of the organisation. A reverted transaction moved nothing but its gas.
    `receipt` may be absent where neither the sender nor the recipient is watched: then logs exist, so it succeeded."""
    legs: list[_Leg] = []
    if receipt is None or receipt.succeeded:
        legs.extend(_value_legs(sight, tx))
        for row in logs:
            legs.extend(_log_legs(sight, row))
    if receipt is not None and tx.sender in sight.own:
        fee = receipt.gas_used * receipt.effective_gas_price + receipt.l1_fee
        legs.append(_Leg("gas", MovementKind.GAS, None, fee, tx.sender, ZERO_ADDRESS))
    return [_movement(sight, tx, leg) for leg in legs if leg.sender in sight.own or leg.recipient in sight.own]


def _value_legs(sight: Sight, tx: WireTransaction) -> list[_Leg]:
    recipient = tx.recipient or ZERO_ADDRESS
    unasked_nothing = tx.value == 0 and recipient in sight.own and tx.sender not in sight.own  # shown apart: a known way of baiting
    if tx.value > 0 or unasked_nothing:
        return [_Leg("value", MovementKind.NATIVE, None, tx.value, tx.sender, recipient)]
    return []


def _log_legs(sight: Sight, row: WireLog) -> list[_Leg]:
    if len(row.data) != 66 or row.address not in sight.tokens:  # one uint256; an ERC-721 transfer has none
        return []
    raw, facts, key = int(row.data, 16), sight.tokens[row.address], f"log:{row.log_index}"
    topics = row.topics
    if topics[0] == TRANSFER_TOPIC and len(topics) == 3:
        return [_Leg(key, MovementKind.ERC20, facts, raw, address_of_topic(topics[1]), address_of_topic(topics[2]), row.log_index)]
    wrapped = sight.network.wrapped_native
    if wrapped is None or row.address != wrapped.address.lower() or len(topics) != 2:
        return []
    owner = address_of_topic(topics[1])
    if topics[0] == DEPOSIT_TOPIC:  # the coin itself went out as the transaction's value
        return [_Leg(key, MovementKind.ERC20, facts, raw, row.address, owner, row.log_index)]
    if topics[0] == WITHDRAWAL_TOPIC:  # the contract sends the coin back by an internal call, which no log tells of
        return [
            _Leg(key, MovementKind.ERC20, facts, raw, owner, row.address, row.log_index),
            _Leg(f"{key}:native", MovementKind.NATIVE, None, raw, row.address, owner, row.log_index),
        ]
    return []


def _movement(sight: Sight, tx: WireTransaction, leg: _Leg) -> Movement:
    direction = _direction(sight, leg)
    decimals = leg.facts.decimals if leg.facts else NATIVE_DECIMALS
    amount = to_units(leg.raw, decimals) if decimals is not None else None
    return Movement(
        key=leg.key,
        kind=leg.kind,
        asset=leg.facts.asset if leg.facts else sight.network.native_asset,
        contract=leg.facts.contract if leg.facts else None,
        symbol=leg.facts.symbol if leg.facts else sight.network.native_asset,
        decimals=decimals,
        raw_amount=str(leg.raw),
        amount=amount if amount is not None and is_exact(amount) else None,
        direction=direction,
        wallet_id=sight.own[leg.recipient if direction is Direction.IN else leg.sender],
        counter_wallet_id=sight.own[leg.recipient] if direction is Direction.INTERNAL else None,
        from_address=checksummed(leg.sender),
        to_address=checksummed(leg.recipient),
        log_index=leg.log_index,
        spam_reason=None if leg.kind is MovementKind.GAS else _spam_reason(sight, tx, leg, direction),
    )


def _direction(sight: Sight, leg: _Leg) -> Direction:
    if leg.sender in sight.own:
        return Direction.INTERNAL if leg.recipient in sight.own else Direction.OUT
    return Direction.IN


def _spam_reason(sight: Sight, tx: WireTransaction, leg: _Leg, direction: Direction) -> str | None:
    return spam_reason(
        listed=leg.facts is None or leg.facts.listed,
        symbol=leg.facts.symbol if leg.facts else sight.network.native_asset,
        name=leg.facts.name if leg.facts else "",
        raw_amount=leg.raw,
        incoming=direction is Direction.IN,
        sent_by_us=tx.sender in sight.own,
        listed_symbols=sight.listed_symbols,
        counterparty=leg.sender if direction is Direction.IN else leg.recipient,
        known_addresses=sight.known_addresses,
    )
