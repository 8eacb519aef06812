"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class NotPayable(Conflict):
    code = "not_payable"


class NoReceivingAddress(Conflict):
    code = "no_receiving_address"

    def __init__(self) -> None:
        super().__init__("Name a wallet to receive at, or store an extended public key of which each invoice gets an address of its own.")


class GapLimitReached(Conflict):
    code = "gap_limit_reached"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit} addresses in a row wait for their first payment, and a wallet that looks for them stops there (BIP-44). Name a wallet to "
            "receive at, wait until one is paid, or raise the limit here and in your wallet."
        )


class NoLockableRate(Conflict):
    code = "no_rate"

    def __init__(self, asset: str, currency: str) -> None:
        super().__init__(f"No source tells a fresh rate of {asset} in {currency}, and an old one is never locked. Try again in a moment.")


class RateStillLocked(Conflict):
    code = "rate_still_locked"

    def __init__(self) -> None:
        super().__init__("The rate is locked for now. It can be renewed when that has run out.")


class Matched(Conflict):
    code = "matched"

    def __init__(self) -> None:
        super().__init__("It is matched with an invoice, kept as credit, or being refunded. Undo that first.")


class NotOpen(Conflict):
    code = "not_open"
