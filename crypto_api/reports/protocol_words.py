"""What protocols tell of a transaction, in words: amounts of assets whose decimals its own movements tell, base units of any other."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from crypto_api.kit.amounts import text, to_units
from crypto_api.kit.plain_text import clean
from crypto_api.protocols.types import Action, ActionKind, Portion
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import COINS

_VERBS = {
    ActionKind.SWAP: ("Swapped", "for"),
    ActionKind.WRAP: ("Wrapped", "as"),
    ActionKind.UNWRAP: ("Unwrapped", "into"),
    ActionKind.SUPPLY: ("Supplied", "for"),
    ActionKind.WITHDRAW: ("Withdrew", ""),
    ActionKind.BORROW: ("Borrowed", ""),
    ActionKind.REPAY: ("Repaid", ""),
    ActionKind.STAKE: ("Staked", "for"),
    ActionKind.UNSTAKE: ("Unstaked", "for"),
    ActionKind.CLAIM: ("Claimed", ""),
    ActionKind.BRIDGE_DEPOSIT: ("Sent over a bridge", ""),
    ActionKind.BRIDGE_ARRIVAL: ("Came over a bridge", ""),
    ActionKind.DISPERSE: ("Paid out", ""),
    ActionKind.SAFE_EXECUTION: ("Carried out by a Safe", ""),
    ActionKind.APPROVAL: ("Allowed somebody to move", ""),
}
UNLIMITED = 1 << 255
"""An allowance of more than half of all that there can be is meant to have no limit."""


@dataclass(frozen=True, slots=True)
class ToldPortion:
    contract: str | None
    symbol: str  # empty where it is not known
    raw_amount: str | None
    amount: Decimal | None
    token_id: str | None

    @property
    def words(self) -> str:
        name = self.symbol or (f"of {self.contract[:6]}…{self.contract[-4:]}" if self.contract else "of the coin")
        if self.raw_amount is None:
            return f"an amount that is not told, {name}"
        if int(self.raw_amount) >= UNLIMITED:
            return f"any amount, {name}"
        piece = f" number {self.token_id[:20]}" if self.token_id else ""
        return f"{text(self.amount)} {name}{piece}" if self.amount is not None else f"{self.raw_amount} base units {name}{piece}"


@dataclass(frozen=True, slots=True)
class ToldAction:
    action: Action
    gives: Sequence[ToldPortion]
    takes: Sequence[ToldPortion]

    @property
    def words(self) -> str:
        """A sentence: Swapped 900 USDC for 0.5 ETH."""
        verb, between = _VERBS[self.action.kind]
        between = between or "for"
        given, taken = (" and ".join(part.words for part in side) for side in (self.gives, self.takes))
        sides = [side for side in (given, taken) if side]
        return f"{verb} {f' {between} '.join(sides)}".strip() + "."


def told_actions(row: Transaction) -> list[ToldAction]:
    names: dict[str | None, tuple[str, int | None]] = {
        part.contract: (part.symbol, part.decimals) for part in row.movements if part.contract is not None
    }
    coin = next((part.symbol for part in row.movements if part.kind in COINS), "")
    names[None] = (coin, 18)
    return [ToldAction(one, [_told(part, names) for part in one.gives], [_told(part, names) for part in one.takes]) for one in row.actions]


def _told(part: Portion, names: dict[str | None, tuple[str, int | None]]) -> ToldPortion:
    symbol, decimals = names.get(part.contract, ("", None))
    amount = to_units(int(part.raw_amount), decimals) if part.raw_amount is not None and decimals is not None else None
    return ToldPortion(part.contract, clean(symbol, 32), part.raw_amount, amount, part.token_id)
