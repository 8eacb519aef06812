"""Whom a payment is to reach: the entry of the address book, what is at the address, and what whoever approves should be told.

Many at once as one alone: the address book, the own wallets and the counterparties are read once for all of them, the networks are asked in as few
batches as it takes. What is wrong with one is said of that one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from crypto_api.address_book import rules
from crypto_api.address_book import store as address_book
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PRESENT
from crypto_api.contract_audits import service as contract_audits
from crypto_api.flows.followed_chain import Node
from crypto_api.flows.keep_address_book import known_addresses
from crypto_api.kit.errors import FieldError, InvalidInput
from crypto_api.kit.ethereum import parse_address
from crypto_api.kit.networks import NetworkConfig
from crypto_api.payments import store as payments
from crypto_api.wallets import store as wallets

_FIRST_TIME = "It is the first payment of this organisation to this address."


@dataclass(frozen=True)
class Named:
    """Exactly one of `to` and `payee_id`. `asset`: what is paid, as the network lists it; None for its coin."""

    to: str | None = None
    payee_id: str | None = None
    asset: str | None = None


@dataclass(frozen=True)
class SeenPayee:
    address: str  # EIP-55
    payee_id: str | None
    name: str
    warnings: tuple[str, ...]


async def look_at_payees(node: Node, org_id: str, network: NetworkConfig, named: Sequence[Named]) -> list[SeenPayee | InvalidInput]:
    """In that order; InvalidInput, naming `to` or `payee_id`, in the place of one that cannot be paid. ChainUnavailable."""
    entries = await address_book.by_ids(org_id, {each.payee_id for each in named if each.payee_id is not None})
    places = [_place(each, entries, network) for each in named]
    addresses = sorted({place for place in places if isinstance(place, str)})
    sight = await _look(node, org_id, network, addresses)
    return [
        place if isinstance(place, InvalidInput) else _seen(each, place, entries.get(each.payee_id or ""), sight)
        for each, place in zip(named, places, strict=True)
    ]


async def entry_at(org_id: str, network: NetworkConfig, address: str) -> tuple[str | None, str]:
    """Id in the address book and name, also of an own wallet."""
    entries = [row for row in await address_book.at(org_id, address) if row.network in (None, network.slug)]
    if entries:
        return entries[0].id, entries[0].name
    own = next((row for row in await wallets.active(org_id) if row.address == address), None)
    return None, own.name if own is not None else ""


def checked_address(value: str) -> str:
    try:
        return parse_address(value)
    except ValueError as error:
        raise InvalidInput.of("to", str(error), "invalid_address") from error


# ---- parts -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sight:
    """What is the same for all of them."""

    network: NetworkConfig
    tokens: Mapping[str, str]  # listed contracts in lower case, with their symbols
    with_code: Collection[str]
    paid_before: Collection[str]
    known: rules.KnownAddresses
    listed: Mapping[str, Payee]  # the entry of each address, for those that were not named by it
    own: Mapping[str, str]  # names of the own wallets, by address
    contracts: Mapping[str, str]  # of listed tokens, by symbol
    audited: Mapping[str, str]  # what the audit of the contract at an address has to say


def _place(each: Named, entries: Mapping[str, Payee], network: NetworkConfig) -> str | InvalidInput:
    if (each.to is None) == (each.payee_id is None):
        return InvalidInput(FieldError("to", "give either an address or payee_id", "required"))
    if each.payee_id is None:
        try:
            return checked_address(each.to or "")
        except InvalidInput as error:
            return error
    entry = entries.get(each.payee_id)
    if entry is None or entry.state not in PRESENT or entry.network not in (None, network.slug):
        return InvalidInput.of("payee_id", "is no entry of the address book for this network", "unknown_payee")
    return entry.address


async def _look(node: Node, org_id: str, network: NetworkConfig, addresses: Sequence[str]) -> _Sight:
    listed: dict[str, Payee] = {}  # one entry for each address
    for row in await address_book.at_any(org_id, addresses):
        if row.network in (None, network.slug):
            listed.setdefault(row.address, row)
    contracts = {token.symbol: token.address for token in network.listed()}
    return _Sight(
        network=network,
        tokens={token.address.lower(): token.symbol for token in network.listed()},
        with_code=await node.with_code(addresses),
        paid_before=await payments.paid_before(org_id, network.chain_id, addresses),
        known=rules.KnownAddresses(await known_addresses(org_id)),
        listed=listed,
        own={row.address: row.name for row in await wallets.active(org_id)},
        contracts=contracts,
        audited=await contract_audits.warnings_about(org_id, network.slug, {*addresses, *contracts.values()}),
    )


def _seen(each: Named, address: str, entry: Payee | None, sight: _Sight) -> SeenPayee | InvalidInput:
    contract_on = [sight.network.name] if address in sight.with_code else []
    try:
        found = rules.checked(each.to or address, sight.tokens, contract_on, [], sight.known)
    except ValueError as error:
        return InvalidInput.of("to", str(error), "not_payable")
    entry = entry or sight.listed.get(address)
    called = dict.fromkeys((address, sight.contracts.get(each.asset or "", "")))  # a payment in a token is a call of the token's own contract
    audited = [sight.audited[place] for place in called if place in sight.audited]
    warnings = (*audited, *found.warnings, *(() if address in sight.paid_before else (_FIRST_TIME,)), *_renamed(entry))
    if entry is None:
        return SeenPayee(address, None, sight.own.get(address, ""), warnings)
    return SeenPayee(address, entry.id, entry.name, warnings)


def _renamed(entry: Payee | None) -> tuple[str, ...]:
    """Whoever verified an address verified whose it is: a name that was written later is the writer's word alone."""
    if entry is None or entry.verified_name in (None, entry.name):
        return ()
    return (f"The address was verified as that of {entry.verified_name}. It was renamed since.",)
