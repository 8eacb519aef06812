"""Logs as contracts emit them, made by hand."""

from eth_abi.abi import encode

from crypto_api.kit.ethereum import TRANSFER_TOPIC, WireLog
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.signatures import Event

USER, ROUTER, STRANGER = ("0x" + byte * 20 for byte in ("aa", "bb", "99"))
WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
HASH = "0x" + "77" * 32


def topic(value: str | int) -> str:
    return "0x" + (value[2:] if isinstance(value, str) else f"{value:064x}").rjust(64, "0")


def log(at: int, contract: str, topics: list[str], data: str = "0x") -> WireLog:
    return WireLog(contract, tuple(topics), data, HASH, at)


def transfer(at: int, token: str, sender: str, recipient: str, raw: int) -> WireLog:
    return log(at, token, [TRANSFER_TOPIC, topic(sender), topic(recipient)], topic(raw))


def told(at: int, contract: str, event: Event, *values: object) -> WireLog:
    """`values` in the order of the signature."""
    names = event.signature[event.signature.index("(") + 1 : -1].split(",")
    indexed = [place for place, (is_indexed, _) in enumerate(event._places) if is_indexed]
    topics = [event.topic, *("0x" + encode([names[place]], [values[place]]).hex() for place in indexed)]
    rest = [place for place in range(len(names)) if place not in indexed]
    return log(at, contract, topics, "0x" + encode([names[place] for place in rest], [values[place] for place in rest]).hex())


def glance(*logs: WireLog, chain_id: int = 1, recipient: str | None = ROUTER, call: str = "0x", **changes: object) -> Glance:
    values = {"sender": USER, "value": 0, "wrapped": WETH, "own": frozenset({USER})} | changes
    return Glance(chain_id=chain_id, recipient=recipient, input=call, logs=logs, **values)  # type: ignore[arg-type]
