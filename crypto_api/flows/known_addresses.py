"""What an organisation calls an address: for the rows of a page, all at once.

Only what somebody of the organisation or its operator has said counts: names that a contract gives itself name nobody. Whoever may not read a kind of
thing learns none of its names.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from crypto_api.address_book import store as payees
from crypto_api.address_book.types import PayeeState
from crypto_api.classification import store as classification
from crypto_api.contracts import store as contracts
from crypto_api.employees import store as employees
from crypto_api.flows.employee_scope import scope_of
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations.types import Permission, Principal
from crypto_api.payroll import store as payroll
from crypto_api.wallets import store as wallets


class AddressKind(StrEnum):
    """In the order in which they count where several know one address."""

    WALLET = "wallet"
    EMPLOYEE = "employee"
    PAYEE = "payee"
    UNVERIFIED = "unverified"  # in the address book, and compared by nobody yet
    CONTRACT = "contract"
    LISTED = "listed_token"
    COUNTERPARTY = "counterparty"


@dataclass(frozen=True, slots=True)
class KnownName:
    address: str  # EIP-55
    network: str | None  # slug; None: on every network
    name: str
    kind: AddressKind


class KnownNames:
    """Of some addresses. The same address is another account on another network, where it is a contract's: a name counts where it was given."""

    def __init__(self, names: Collection[KnownName] = ()) -> None:
        self._by_address: dict[str, list[KnownName]] = {}
        order = {kind: place for place, kind in enumerate(AddressKind)}
        for row in sorted(names, key=lambda row: (order[row.kind], row.network is None, row.name)):
            self._by_address.setdefault(row.address.lower(), []).append(row)

    def of(self, address: str, network: str = "") -> KnownName | None:
        """Without a network, as on any of them."""
        found = self._by_address.get(address.lower(), ())
        return next((row for row in found if not network or row.network in (None, network)), None)


async def names_of(principal: Principal, networks: Mapping[str, NetworkConfig], addresses: Collection[str]) -> KnownNames:
    """One query for each kind of thing, however many addresses (EIP-55) there are; none for what this person may not read."""
    org_id, wanted = principal.org_id, sorted(set(addresses))
    if org_id is None or not wanted:
        return KnownNames()
    found = _tokens(networks, {address.lower() for address in wanted})
    if principal.may(Permission.WALLETS_READ):
        found += [KnownName(row.address, row.network, row.name, AddressKind.WALLET) for row in await wallets.at_any(org_id, wanted)]
    if principal.may(Permission.ADDRESS_BOOK_READ):
        for payee in await payees.at_any(org_id, wanted):
            kind = AddressKind.PAYEE if payee.state is PayeeState.VERIFIED else AddressKind.UNVERIFIED
            found.append(KnownName(payee.address, payee.network, payee.name, kind))
    if principal.may(Permission.CONTRACTS_READ):
        found += [KnownName(row.address, row.network, row.name, AddressKind.CONTRACT) for row in await contracts.at_any(org_id, wanted)]
    if principal.may(Permission.TRANSACTIONS_READ):
        found += [KnownName(address, None, name, AddressKind.COUNTERPARTY) for address, name in await classification.named(org_id, wanted)]
    if principal.may(Permission.PAYROLL_READ) and principal.may(Permission.EMPLOYEES_READ):
        found += await _employees(principal, org_id, wanted)
    return KnownNames(found)


def _tokens(networks: Mapping[str, NetworkConfig], wanted: Collection[str]) -> list[KnownName]:
    return [
        KnownName(token.address, slug, token.name or token.symbol, AddressKind.LISTED)
        for slug, network in networks.items()
        for token in [*network.tokens, *([network.wrapped_native] if network.wrapped_native else [])]
        if token.address.lower() in wanted
    ]


async def _employees(principal: Principal, org_id: str, wanted: Collection[str]) -> list[KnownName]:
    """Wallets that employees have proved to be theirs, of those whom this person may see."""
    owners = await payroll.owners_of_wallets(org_id, wanted)
    if not owners:
        return []
    scope = await scope_of(principal)
    people = {row.id: row for row in await employees.by_ids(org_id, [one for one in owners.values() if scope.sees(one)])}
    return [
        KnownName(address, None, f"{people[one].first_name} {people[one].last_name}", AddressKind.EMPLOYEE)
        for address, one in owners.items()
        if one in people
    ]
