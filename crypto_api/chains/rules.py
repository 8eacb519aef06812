"""Pure decisions of following: do headers link, what may a contract call itself, what is an asset's id."""

import unicodedata
from collections.abc import Sequence

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from crypto_api.kit.ethereum import BlockHeader

SYMBOL_LENGTH_MAX = 32
NAME_LENGTH_MAX = 64
DECIMALS_MAX = 36


def linked(parent_hash: str, headers: Sequence[BlockHeader]) -> int:
    """How many of `headers`, from the first on, form a chain on top of the block `parent_hash`."""
    for count, header in enumerate(headers):
        if header.parent_hash != parent_hash:
            return count
        parent_hash = header.hash
    return len(headers)


def kept(headers: Sequence[BlockHeader], head: int, window: int, depth: int, final: int | None = None) -> Sequence[BlockHeader]:
    """Those that are worth keeping of blocks that were just processed: of the `depth` last ones, since a reorganisation may reach back from any place
    at which following stands, of those within `window` of the head, and from what the network calls `final` on, since the next to be called so are
    looked up. What lies deeper would be forgotten before anybody asks for it."""
    lowest = min(head - window, headers[-1].number - depth)
    if final is not None:
        lowest = min(lowest, final - 1)
    return [header for header in headers if header.number > lowest]


def asset_id(chain_id: int, contract: str) -> str:
    """CAIP-19 of an ERC-20 contract."""
    return f"eip155:{chain_id}/erc20:{contract}"


def token_text(answer: bytes, length_max: int) -> str:
    """A name or symbol as a contract told it: an ABI string, or bytes32 as some old tokens do; control and bidirectional characters
    removed, cut to a length. Empty when it is neither."""
    try:
        (text,) = decode(["string"], answer)
    except (DecodingError, UnicodeDecodeError, OverflowError):
        if len(answer) != 32:
            return ""
        text = answer.rstrip(b"\0").decode("utf-8", "ignore")
    visible = (char for char in text[: length_max * 4] if unicodedata.category(char)[0] != "C")
    return "".join(visible).strip()[:length_max]


def token_decimals(answer: bytes) -> int | None:
    """None when the contract did not answer with one number within 0..36: such a token is quarantined, never taken for 18."""
    if len(answer) != 32:
        return None
    decimals = int.from_bytes(answer)
    return decimals if decimals <= DECIMALS_MAX else None
