"""Values of the slice."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PayeeState(StrEnum):
    UNVERIFIED = "unverified"  # somebody wrote it down
    VERIFIED = "verified"  # another person compared it with what the payee says; payable once it has cooled off
    REJECTED = "rejected"
    REMOVED = "removed"


PRESENT = frozenset({PayeeState.UNVERIFIED, PayeeState.VERIFIED})


class PayeeHold(StrEnum):
    """Why nobody is paid at an address yet. The values are those of `payments.types.Hold`."""

    UNVERIFIED = "payee_unverified"
    COOLING_OFF = "cooling_off"


@dataclass(frozen=True)
class NewPayee:
    name: str
    address: str
    network: str | None = None  # slug; None: on every network
    note: str = ""


@dataclass(frozen=True)
class Known:
    """An address that the organisation knows already, for comparison with a new one."""

    address: str
    called: str  # "your wallet Operations", "the payee Acme"


@dataclass(frozen=True)
class Checked:
    """An address that may stand in the book, with what should be known about it."""

    address: str  # EIP-55
    warnings: tuple[str, ...] = ()
    look_alike: Known | None = None


@dataclass(frozen=True)
class PayeeFacts:
    """What of an entry decides whether it may be paid."""

    state: PayeeState
    network: str | None
    payable_from: datetime | None
