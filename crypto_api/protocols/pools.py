"""Swaps of pools, hop by hop, and what they come to together: one thing with two legs.

A pool's own event tells how much went in and out, and not of which token: that is told by the transfers that reached and left it beside the event.
Only a transfer of exactly that amount counts; where none or several fit, the token is not known, and is not guessed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eth_utils.crypto import keccak

from crypto_api.kit.ethereum import checksummed
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.types import Action, ActionKind, Portion


@dataclass(frozen=True, slots=True)
class Hop:
    """Through one pool. A token that is not known is empty."""

    protocol: str
    verified: bool
    pool: str
    token_in: str
    raw_in: int
    token_out: str
    raw_out: int
    index: int  # of the pool's event
    recipient: str

    @property
    def known(self) -> bool:
        return bool(self.token_in and self.token_out)


def tokens_of(glance: Glance, pool: str, raw_in: int, raw_out: int, event: int, since: int) -> tuple[str, str]:
    """What went into the pool and out of it between its event before (`since`) and this one."""
    near = [row for row in glance.by_party.get(pool, ()) if since < row.at < event]
    gone_in = {row.contract for row in near if row.recipient == pool and row.sender != pool and row.raw == raw_in}
    come_out = {row.contract for row in near if row.sender == pool and row.recipient != pool and row.raw == raw_out}
    token_in = next(iter(gone_in)) if len(gone_in) == 1 else ""
    token_out = next(iter(come_out)) if len(come_out) == 1 else ""
    return ("", "") if token_in == token_out else (token_in, token_out)


def created_with(factory: str, salt: bytes, code_hash: str) -> str:
    """Where a factory's CREATE2 puts a contract (EIP-1014), lower case. Nobody else can put one there."""
    return "0x" + keccak(b"\xff" + bytes.fromhex(factory[2:]) + salt + bytes.fromhex(code_hash[2:]))[12:].hex()


def trades(hops: Sequence[Hop]) -> list[Action]:
    """All hops together, where they come to one coin in and one out; else each by itself."""
    if len(hops) > 1 and all(hop.known for hop in hops) and (whole := _together(hops)) is not None:
        return [whole]
    return [_action([hop], _portions(hop)) for hop in hops]


def _portions(hop: Hop) -> tuple[Portion, Portion] | None:
    if not hop.known:
        return None
    return _portion(hop.token_in, hop.raw_in), _portion(hop.token_out, hop.raw_out)


def _together(hops: Sequence[Hop]) -> Action | None:
    """What goes through and comes out again of a next pool counts for nothing."""
    sums: defaultdict[str, int] = defaultdict(int)
    for hop in hops:
        sums[hop.token_in] += hop.raw_in
        sums[hop.token_out] -= hop.raw_out
    gone = [(token, raw) for token, raw in sums.items() if raw > 0]
    come = [(token, -raw) for token, raw in sums.items() if raw < 0]
    if len(gone) != 1 or len(come) != 1:
        return None
    return _action(hops, (_portion(*gone[0]), _portion(*come[0])))


def _action(hops: Sequence[Hop], legs: tuple[Portion, Portion] | None) -> Action:
    names = list(dict.fromkeys(hop.protocol for hop in hops))
    verified = all(hop.verified for hop in hops)
    return Action(
        kind=ActionKind.SWAP,
        protocol=", ".join(names),
        verified=verified,
        contract=checksummed(hops[0].pool),
        recipient=checksummed(hops[-1].recipient),
        gives=(legs[0],) if legs else (),
        takes=(legs[1],) if legs else (),
        evidence=tuple(hop.index for hop in hops),
        note=_note(hops, verified, told=legs is not None),
    )


def _note(hops: Iterable[Hop], verified: bool, *, told: bool) -> str:
    count = len(list(hops))
    parts = [f"Through {count} pools." if count > 1 else ""]
    if not verified:
        parts.append("The pool is not verified: anybody can write a contract that says the same.")
    if not told:
        parts.append("Which tokens the pool exchanged is not told by its logs.")
    return " ".join(part for part in parts if part)


def _portion(token: str, raw: int) -> Portion:
    return Portion(contract=checksummed(token), raw_amount=str(raw))
