"""What a transaction did, in the words of the protocol that it used. A description never changes an amount: what moved is what the movements say."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class ActionKind(StrEnum):
    SWAP = "swap"
    WRAP = "wrap"
    UNWRAP = "unwrap"
    SUPPLY = "supply"  # to a market of loans
    WITHDRAW = "withdraw"  # from it
    BORROW = "borrow"
    REPAY = "repay"
    STAKE = "stake"
    UNSTAKE = "unstake"
    CLAIM = "claim"  # of rewards
    BRIDGE_DEPOSIT = "bridge_deposit"  # leaves for another network
    BRIDGE_ARRIVAL = "bridge_arrival"
    DISPERSE = "disperse"  # to many at once
    SAFE_EXECUTION = "safe_execution"
    APPROVAL = "approval"


class Portion(BaseModel):
    """How much of what. `raw_amount` in base units, None where the logs do not tell it; `contract` in EIP-55, None for the native coin."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contract: str | None
    raw_amount: str | None
    token_id: str | None = None


class Action(BaseModel):
    """One thing that was done. `gives` and `takes` are the legs as the protocol tells them, seen from who did it; empty where it does not tell."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ActionKind
    protocol: str  # such as "Uniswap v2"
    verified: bool  # the contract is the protocol's own; False: it only speaks like it, and anybody can write such a contract
    contract: str  # EIP-55; who said so
    account: str | None = None  # EIP-55; for whom it was done, where that is told
    recipient: str | None = None  # EIP-55; where something else than `account` gets what comes out
    gives: tuple[Portion, ...] = ()
    takes: tuple[Portion, ...] = ()
    evidence: tuple[int, ...] = ()  # indexes of the logs that it rests on
    note: str = ""
