"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class WalletExists(Conflict):
    code = "wallet_exists"

    def __init__(self) -> None:
        super().__init__("The organisation has a wallet with this address on this network already.")


class WalletLimitReached(Conflict):
    code = "wallet_limit_reached"

    def __init__(self, limit: int) -> None:
        super().__init__(f"One person may have at most {limit} active wallets. Delete one first.")
