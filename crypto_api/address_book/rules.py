"""Pure decisions of the slice: which address may stand in the book, and whether an entry may be paid."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from crypto_api.address_book.types import Checked, Known, PayeeFacts, PayeeHold, PayeeState
from crypto_api.chains.spam import ends_of
from crypto_api.kit.ethereum import ZERO_ADDRESS, parse_address

_BURNS = frozenset({ZERO_ADDRESS, "0x000000000000000000000000000000000000dead"})
_PRECOMPILES_END = 0x10000  # EIP-1352 keeps the addresses below for the network itself


def checked(value: str, tokens: Mapping[str, str], contract_on: Collection[str], unseen_on: Collection[str], known: "KnownAddresses") -> Checked:
    """ValueError with why an address cannot be a payee's. `tokens`: listed contracts in lower case with their symbols; `contract_on`: names of
    networks on which there is code at the address, `unseen_on`: on which nobody could look."""
    address = parse_address(value)
    lower = address.lower()
    if lower in _BURNS:
        raise ValueError("is an address that nobody has a key to: what is sent there is lost")
    if int(lower, 16) < _PRECOMPILES_END:
        raise ValueError("belongs to the network itself: what is sent there is lost")
    if lower in tokens:
        raise ValueError(f"is the contract of the token {tokens[lower]}: what is sent there is lost")
    similar = known.look_alike(address)
    warnings = []
    if similar is not None:
        warnings.append(f"It begins and ends like {similar.called}, {similar.address}, and is another address. Fraudsters make such addresses.")
    if value[2:] in (value[2:].lower(), value[2:].upper()):
        warnings.append("It was written without the capital letters that guard against typing errors (EIP-55): compare each character.")
    if contract_on:
        warnings.append(
            f"There is a contract at it on {_listed(contract_on)}. A wallet of several owners is one; other contracts may keep what they get."
        )
    if unseen_on:
        warnings.append(f"Nobody could see whether there is a contract at it on {_listed(unseen_on)}.")
    return Checked(address, tuple(warnings), similar)


class KnownAddresses:
    """Of an organisation, found by what a wallet shows of an address: for comparing many with thousands."""

    def __init__(self, known: Iterable[Known]) -> None:
        self._by_address = {row.address.lower(): row for row in known}
        self._by_ends: dict[tuple[str, str], Known] = {}
        for address in sorted(self._by_address):
            self._by_ends.setdefault(ends_of(address), self._by_address[address])

    def look_alike(self, address: str) -> Known | None:
        """The known address that has the same first and last digits as `address` without being it."""
        return None if address.lower() in self._by_address else self._by_ends.get(ends_of(address))


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


def hold_of(entries: Iterable[PayeeFacts], network: str, now: datetime) -> PayeeHold | None:
    """Why an address with these entries may not be paid on that network yet; None when one of them lets it."""
    found = [entry for entry in entries if entry.network in (None, network) and entry.state is PayeeState.VERIFIED and entry.payable_from is not None]
    if any(entry.payable_from is not None and entry.payable_from <= now for entry in found):
        return None
    return PayeeHold.COOLING_OFF if found else PayeeHold.UNVERIFIED


def is_rewritten(before: tuple[str, str | None], after: tuple[str, str | None]) -> bool:
    """Whether (address, network) changed so that somebody has to verify it anew. On another network the same address may be somebody else's."""
    return before != after
