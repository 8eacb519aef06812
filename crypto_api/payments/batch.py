"""How many are paid at once: what our batch contract (`contracts/PackedBatch.sol`) is called with, and where it stands. Pure.

The contract is deployed by the deterministic deployment proxy (github.com/Arachnid/deterministic-deployment-proxy), which stands at the same address
on practically every network: so its own address follows from its code (EIP-1014) on all of them, and whoever knows the one checks the other without
asking a node. It has no owner and no parameters; anybody may deploy it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from crypto_api.kit.ethereum import checksummed
from crypto_api.payments.batch_code import PACKED_BATCH_CREATION, PACKED_BATCH_DELEGATE_CREATION, PACKED_BATCH_DELEGATE_RUNTIME, PACKED_BATCH_RUNTIME
from crypto_api.payments.types import Call

PAYEES_MAX = 500  # of one batch: within a block's transaction gas cap (EIP-7825) also where each is new to the token
DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
PAY_COIN, PAY_TOKEN = "0x86952566", "0xec817e5b"  # payCoin(bytes), payToken(address,uint256,bytes)
OWN_TRANSFERS = "0x8989cd92"  # of the delegate: payToken(address,bytes)
_WIDTH_MIN, _WIDTH_MAX = 8, 12  # bytes of an amount
_SALT = bytes(32)
_DESIGNATOR = bytes.fromhex("ef0100")  # EIP-7702


@dataclass(frozen=True, slots=True)
class Share:
    """What one payee of a batch gets."""

    payee: str  # EIP-55
    raw_amount: int  # base units


def packed(shares: Sequence[Share]) -> bytes:
    """A byte that says how wide amounts are, then 20 bytes of address and the amount of each, in order. ValueError for none, for an amount below
    zero or above 12 bytes."""
    if not shares:
        raise ValueError("a batch pays somebody")
    most = max(share.raw_amount for share in shares)
    width = max(_WIDTH_MIN, -(-most.bit_length() // 8))
    if width > _WIDTH_MAX or min(share.raw_amount for share in shares) < 0:
        raise ValueError("an amount of a batch has at most 12 bytes")
    return bytes([width]) + b"".join(bytes.fromhex(share.payee[2:]) + share.raw_amount.to_bytes(width) for share in shares)


def unpacked(listed: bytes) -> list[Share]:
    """The same backwards. ValueError for what the contract would refuse."""
    width = listed[0] if listed else 0
    step = 20 + width
    if not _WIDTH_MIN <= width <= _WIDTH_MAX or len(listed) < 1 + step or (len(listed) - 1) % step:
        raise ValueError("this is no list of payees")
    records = [listed[at : at + step] for at in range(1, len(listed), step)]
    return [Share(checksummed("0x" + record[:20].hex()), int.from_bytes(record[20:])) for record in records]


def total(shares: Sequence[Share]) -> int:
    return sum(share.raw_amount for share in shares)


def batch_call(shares: Sequence[Share], token: str | None) -> Call:
    """The coin (`token` None) is sent along; an ERC-20 is pulled by the contract, to which the sender has approved the total before."""
    listed = packed(shares)
    if token is None:
        return Call(to=BATCH_CONTRACT, value_raw=str(total(shares)), data=PAY_COIN + encode(["bytes"], [listed]).hex())
    data = PAY_TOKEN + encode(["address", "uint256", "bytes"], [token, total(shares), listed]).hex()
    return Call(to=BATCH_CONTRACT, value_raw="0", data=data)


def delegated_call(account: str, shares: Sequence[Share], token: str | None) -> Call:
    """The same of an account that has delegated to our code (EIP-7702): it calls itself."""
    listed = packed(shares)
    data = PAY_COIN + encode(["bytes"], [listed]).hex() if token is None else OWN_TRANSFERS + encode(["address", "bytes"], [token, listed]).hex()
    return Call(to=account, value_raw="0", data=data)


def read_batch(call: Call) -> tuple[str | None, list[Share]] | None:
    """Token and payees of a call of the batch contract; None for any other call."""
    if call.to != BATCH_CONTRACT or not call.data.startswith((PAY_COIN, PAY_TOKEN)):
        return None
    raw = bytes.fromhex(call.data[10:])
    try:
        if call.data.startswith(PAY_COIN):
            token, listed = None, decode(["bytes"], raw)[0]
        else:
            token, _, listed = decode(["address", "uint256", "bytes"], raw)
        return checksummed(token) if token is not None else None, unpacked(listed)
    except (DecodingError, ValueError):
        return None


def read_delegated(account: str, call: Call) -> tuple[str | None, list[Share]] | None:
    """The same of a call by which an account that has delegated to our code pays; None for any other."""
    if call.to != account or not call.data.startswith((PAY_COIN, OWN_TRANSFERS)):
        return None
    raw = bytes.fromhex(call.data[10:])
    try:
        token, listed = (None, decode(["bytes"], raw)[0]) if call.data.startswith(PAY_COIN) else decode(["address", "bytes"], raw)
        return checksummed(token) if token is not None else None, unpacked(listed)
    except (DecodingError, ValueError):
        return None


def delegated_code(delegate: str) -> bytes:
    """What stands at an account that has delegated (EIP-7702): a designator, and whose code it runs."""
    return _DESIGNATOR + bytes.fromhex(delegate[2:])


def delegate_of(code: bytes) -> str | None:
    """To whom an account with this code has delegated (EIP-55); None where it is no designator."""
    return checksummed("0x" + code[3:].hex()) if len(code) == 23 and code.startswith(_DESIGNATOR) else None


def created_at(creation: bytes) -> str:
    """Where the deployment proxy puts a contract with this code (EIP-1014)."""
    return checksummed("0x" + keccak(b"\xff" + bytes.fromhex(DEPLOYER[2:]) + _SALT + keccak(creation))[12:].hex())


def deployment(creation: bytes) -> Call:
    """The call that puts it there."""
    return Call(to=DEPLOYER, value_raw="0", data="0x" + (_SALT + creation).hex())


BATCH_CONTRACT = created_at(PACKED_BATCH_CREATION)
BATCH_DELEGATE = created_at(PACKED_BATCH_DELEGATE_CREATION)
CODE = {BATCH_CONTRACT: PACKED_BATCH_RUNTIME, BATCH_DELEGATE: PACKED_BATCH_DELEGATE_RUNTIME}
"""What stands at each of them, and nothing else ever can: the address follows from it."""
