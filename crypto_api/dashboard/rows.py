"""What a row of a list says: documents shaped for reading. No queries, no HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext_noop

from crypto_api.dashboard.number_formats import count, exact
from crypto_api.dashboard.translation import gettext
from crypto_api.kit.amounts import to_units
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import Line
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import BROUGHT, FEES, Basis, Booking, Direction, Movement, MovementKind, Status

LEGS_SHOWN = 2
_HOW = {
    MovementKind.GAS: gettext_noop("Network fee"),
    MovementKind.LEVY: gettext_noop("Fee of the token"),
    MovementKind.INTERNAL: gettext_noop("Moved by a contract's call"),
}
KIND_NAMES = {
    MovementKind.NATIVE: gettext_noop("Coin of the network"),
    MovementKind.ERC20: gettext_noop("Token"),
    MovementKind.ERC721: gettext_noop("Collectible (ERC-721)"),
    MovementKind.ERC1155: gettext_noop("Collectible (ERC-1155)"),
    MovementKind.INTERNAL: gettext_noop("By a contract's call"),
    MovementKind.LEVY: gettext_noop("Fee of a token"),
    MovementKind.GAS: gettext_noop("Network fee"),
}
SOURCES = {
    "fact": gettext_noop("Certain: follows from the chain and from what is known"),
    "rule": gettext_noop("Decided by a rule"),
    "memory": gettext_noop("As a person decided before"),
    "model": gettext_noop("By the language model"),
    "person": gettext_noop("Decided by a person"),
    "none": gettext_noop("Nobody and nothing has decided yet"),
}


@dataclass(frozen=True, slots=True)
class MovementRow:
    movement: Movement
    sign: str
    tone: str  # in | out | own | spam
    wallet: str
    counter_wallet: str

    @property
    def asset(self) -> str:
        return self.movement.asset

    @property
    def how(self) -> str:
        """What is said beneath the amount, where it is no plain transfer."""
        movement = self.movement
        if movement.raw_event_amount is not None and movement.decimals is not None:
            amount = exact(to_units(int(movement.raw_event_amount), movement.decimals))
            return gettext("%(amount)s were announced; this is what arrived") % {"amount": amount}
        if movement.collectible:
            return gettext("A collectible: recorded, not booked")
        if self.by_nobody_known:
            return gettext("The balance changed, and nothing tells who moved it")
        return gettext(_HOW.get(movement.kind, ""))

    @property
    def by_nobody_known(self) -> bool:
        """Whether only the balance before and after tells of it."""
        return self.movement.basis is Basis.BALANCE and self.movement.kind is not MovementKind.LEVY and self.movement.raw_event_amount is None

    @property
    def other_address(self) -> str:
        return self.movement.from_address if self.movement.direction is Direction.IN else self.movement.to_address


@dataclass(frozen=True, slots=True)
class TransactionRow:
    transaction: Transaction
    legs: list[MovementRow]
    more_legs: int
    tone: str
    party: str  # a name, or "" where only an address is known
    party_address: str
    value: Decimal | None
    status: Status
    source_says: str

    @property
    def key(self) -> str:
        return self.transaction.id

    @property
    def party_said(self) -> str:
        """What stands there whatever its address is called: both ends of a transfer of one's own."""
        return self.party if self.legs and self.legs[0].movement.direction is Direction.INTERNAL else ""

    @property
    def is_booked(self) -> bool:
        return self.transaction.booking is Booking.DONE

    @property
    def is_collectible(self) -> bool:
        """Whether nothing of what is shown has a quantity that could be priced."""
        return all(leg.movement.collectible for leg in self.legs)


def movement_row(movement: Movement, wallets: Mapping[str, str]) -> MovementRow:
    tone = "spam" if movement.spam else {Direction.IN: "in", Direction.OUT: "out", Direction.INTERNAL: "own"}[movement.direction]
    sign = "" if movement.amount is None else {Direction.IN: "+", Direction.OUT: "\N{MINUS SIGN}", Direction.INTERNAL: ""}[movement.direction]
    return MovementRow(movement, sign, tone, wallets.get(movement.wallet_id, ""), wallets.get(movement.counter_wallet_id or "", ""))


def evidence_words(key: str, movement: Movement | None) -> str:
    """`log:7` as people say it, with what moved by it."""
    place, _, rest = key.partition(":")
    named = {
        "value": gettext("the coin sent"),
        "gas": gettext("the fee"),
        "balance": gettext("the balance before and after"),
        "trace": gettext("the inner call %(place)s") % {"place": rest},
    }
    where = named.get(place, gettext("log %(index)s") % {"index": rest.partition(":")[0]} if place == "log" and rest else key)
    if movement is None or movement.amount is None:
        return where
    return f"{where} · {exact(movement.amount)} {movement.symbol}"


def transaction_row(transaction: Transaction, wallets: Mapping[str, str]) -> TransactionRow:
    """Leads with what moved value; fees only where nothing else moved, spam only where all of it is."""
    value_legs = [row for row in transaction.movements if row.kind not in FEES]
    honest = [row for row in value_legs if not row.spam]
    shown = honest or value_legs or transaction.movements
    legs = [movement_row(row, wallets) for row in shown]
    party, address = _party(transaction, legs)
    return TransactionRow(
        transaction=transaction,
        legs=legs[:LEGS_SHOWN],
        more_legs=max(len(legs) - LEGS_SHOWN, 0),
        tone=_tone(transaction, legs),
        party=party,
        party_address=address,
        value=_value(shown),
        status=transaction.status,
        source_says=gettext(SOURCES.get(transaction.category_source, "")),
    )


def transaction_rows(transactions: Sequence[Transaction], wallets: Mapping[str, str]) -> list[TransactionRow]:
    return [transaction_row(transaction, wallets) for transaction in transactions]


def _tone(transaction: Transaction, legs: Sequence[MovementRow]) -> str:
    if not transaction.succeeded:
        return "failed"
    tones = {leg.tone for leg in legs}
    return tones.pop() if len(tones) == 1 else "own"


def _party(transaction: Transaction, legs: Sequence[MovementRow]) -> tuple[str, str]:
    if not legs:
        return transaction.counterparty, transaction.to_address or ""
    lead = legs[0]
    if lead.movement.direction is Direction.INTERNAL:
        return f"{lead.wallet} \N{RIGHTWARDS ARROW} {lead.counter_wallet or lead.wallet}", lead.movement.to_address
    if lead.movement.kind is MovementKind.GAS:
        return transaction.counterparty, transaction.to_address or ""
    if lead.by_nobody_known:
        return transaction.counterparty or gettext("Not known"), ""
    return transaction.counterparty, lead.other_address


def _value(movements: Sequence[Movement]) -> Decimal | None:
    """What moved, in the functional currency. A swap has two sides of one value: the greater one stands for both. None: some of it has no price."""
    sides: dict[Direction, Decimal] = {}
    for movement in movements:
        if movement.collectible:
            continue
        if movement.value is None:
            return None
        sides[movement.direction] = sides.get(movement.direction, Decimal(0)) + abs(movement.value)
    return max(sides.values(), default=None)


@dataclass(frozen=True, slots=True)
class Links:
    """Where a block explorer shows a thing; empty where none is configured for the network."""

    base: str

    def transaction(self, hash_: str) -> str:
        return f"{self.base}/tx/{hash_}" if self.base else ""

    def address(self, address: str) -> str:
        return f"{self.base}/address/{address}" if self.base and address else ""

    def block(self, number: int) -> str:
        return f"{self.base}/block/{number}" if self.base else ""


def links_of(networks: Mapping[str, NetworkConfig], slug: str) -> Links:
    network = networks.get(slug)
    return Links((network.explorer_url or "").rstrip("/") if network else "")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a transaction, for its history."""

    at: datetime
    text: str
    detail: str
    tone: str


def history(transaction: Transaction, entries: Sequence[JournalEntry]) -> list[Step]:
    """What is known to have happened, oldest first."""
    if transaction.origin in BROUGHT:
        steps = [
            Step(transaction.timestamp, gettext("It happened"), "", "chain"),
            Step(transaction.stored_at, gettext("Brought by a person"), "", "seen"),
        ]
    else:
        steps = [
            Step(transaction.timestamp, gettext("In block %(block)s") % {"block": count(transaction.block_number)}, transaction.block_hash, "chain")
        ]
        steps.append(Step(transaction.stored_at, gettext("Seen and stored"), "", "seen"))
    steps.extend(
        Step(past.orphaned_at, gettext("Block %(block)s left the chain") % {"block": count(past.block_number)}, past.block_hash, "orphaned")
        for past in transaction.past_inclusions
    )
    for entry in entries:
        if entry.posted_at is not None:
            said = gettext("Entry reversed: %(entry)s") if entry.reverses else gettext("Booked: %(entry)s")
            steps.append(Step(entry.posted_at, said % {"entry": entry.description}, "", "orphaned" if entry.reverses else "booked"))
    return sorted(steps, key=lambda step: step.at)


@dataclass(frozen=True, slots=True)
class LineRow:
    line: Line
    account: str
    wallet: str


def line_rows(entry: JournalEntry, accounts: Mapping[str, str], wallets: Mapping[str, str]) -> list[LineRow]:
    return [LineRow(line, accounts.get(line.account_code, ""), wallets.get(line.wallet_id or "", "")) for line in entry.lines]


@dataclass(frozen=True, slots=True)
class EntryCard:
    entry: JournalEntry
    lines: list[LineRow]


def entry_card(entry: JournalEntry, accounts: Mapping[str, str], wallets: Mapping[str, str]) -> EntryCard:
    return EntryCard(entry, line_rows(entry, accounts, wallets))
