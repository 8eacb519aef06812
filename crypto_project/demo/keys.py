"""Keys and addresses of the demo chain, from the public mnemonic of every development node: worth nothing elsewhere."""

from functools import cache

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

DEV_MNEMONIC = "test test test test test test test test test test test junk"
# The node funds the first ten; ours start where nobody else does, so that their history begins with the demo.
DEPLOYER_INDEX = 1000
SHOWN_CHARS = 4  # what a wallet's shortened address shows at each end, and a look-alike copies


@cache
def dev_account(index: int) -> LocalAccount:
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(DEV_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return account


def look_alike(address: str, salt: str = "") -> str:
    """An address that reads like the given one when shortened. Nobody holds its key."""
    digits = address.lower().removeprefix("0x")
    middle = keccak(text=f"{digits}{salt}").hex()[: len(digits) - 2 * SHOWN_CHARS]
    return to_checksum_address(f"0x{digits[:SHOWN_CHARS]}{middle}{digits[-SHOWN_CHARS:]}")
