"""Addresses on a page: names instead of digits, and never two that look alike.

A template says where an address stands (`{% party %}` of templatetags/coffer.py), and leaves a mark there. When the page is made, all of its
addresses are known, their names are read at once, and the marks become what people see: one query for each kind of name, whatever stands on the page,
and no view has to know about it (docs/decisions/0068-names-of-addresses.md)."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.http import HttpResponse
from django.template.loader import get_template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_noop as _

from crypto_api.chains.spam import ends_of
from crypto_api.dashboard.identicons import identicon
from crypto_api.dashboard.rows import links_of
from crypto_api.flows.known_addresses import AddressKind, KnownName, KnownNames
from crypto_api.kit.ethereum import checksummed
from crypto_api.kit.networks import NetworkConfig

KINDS = {
    AddressKind.WALLET: _("Own wallet"),
    AddressKind.EMPLOYEE: _("Wallet of somebody of the team"),
    AddressKind.PAYEE: _("In the address book, verified"),
    AddressKind.UNVERIFIED: _("In the address book, not verified yet"),
    AddressKind.CONTRACT: _("Registered contract"),
    AddressKind.LISTED: _("Listed token"),
    AddressKind.COUNTERPARTY: _("Known counterparty"),
}
_CHAIN = re.compile(r":eip155:([0-9]{1,18}):", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address stands, and how."""

    address: str  # EIP-55
    network: str  # slug, or "" where the page does not know it
    name: str  # what it is called where the organisation has no name for it
    said: str  # what it is called here whatever its name is
    named: bool  # whether its name stands with it
    bare: bool  # within a link: no buttons


@dataclass(slots=True)
class Addresses:
    """Those of one page, in the order in which they stand on it."""

    networks: Mapping[str, NetworkConfig] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    _nonce: str = field(default_factory=lambda: secrets.token_hex(8))  # text on the page cannot be taken for a mark

    def put(self, place: Place) -> SafeString:
        self.places.append(place)
        return format_html("<!--address:{}:{}-->", self._nonce, len(self.places) - 1)

    def transaction_link(self, hash_: str, of: str) -> str:
        """Where the explorer of its network shows a transaction; "" without one. `of`: the network, or the id of the transaction, which has the
        chain in it as CAIP-2 names it (`…:eip155:1:0x…`). What does not end in its hash is no transaction of the chain: an adjustment, or a row
        that somebody brought."""
        chain = _CHAIN.search(of)
        if chain is not None:
            slug = next((slug for slug, network in self.networks.items() if network.chain_id == int(chain[1])), "")
            return links_of(self.networks, slug).transaction(hash_) if of.endswith(f":{hash_}") else ""
        return links_of(self.networks, of).transaction(hash_)

    def wanted(self) -> set[str]:
        return {place.address for place in self.places}

    def write_into(self, response: HttpResponse, names: KnownNames) -> None:
        """Each mark becomes its address."""
        alike = look_alikes(self.wanted())
        marks = re.compile(rf"<!--address:{self._nonce}:([0-9]+)-->".encode())
        shown = [shown_as(place, names, self.networks, alike).encode() for place in self.places]
        response.content = marks.sub(lambda mark: shown[int(mark[1])], response.content)


def look_alikes(addresses: set[str]) -> set[str]:
    """Those that could not be told apart once their middle is cut out."""
    by_ends: dict[tuple[str, str], list[str]] = {}
    for address in addresses:
        by_ends.setdefault(ends_of(address), []).append(address)
    return {address for group in by_ends.values() if len(group) > 1 for address in group}


def checked(value: str) -> str:
    """EIP-55; "" for what is no address."""
    return checksummed(value.lower()) if _ADDRESS.fullmatch(value or "") else ""


def shown_as(place: Place, names: KnownNames, networks: Mapping[str, NetworkConfig], alike: set[str]) -> SafeString:
    known: KnownName | None = names.of(place.address, place.network)
    values = {
        "address": place.address,
        "name": (place.said or (known.name if known else place.name)) if place.named else "",
        "kind": KINDS[known.kind] if known and not place.said else "",
        "unverified": place.named and known is not None and known.kind is AddressKind.UNVERIFIED,
        "picture": identicon(place.address),
        "alike": place.address in alike,
        "bare": place.bare,
        "link": "" if place.bare else links_of(networks, place.network).address(place.address),
    }
    rendered = get_template("dashboard/parts/party.html").render(values)  # escaped there
    return SafeString(rendered.strip())  # nosec B703  # nosemgrep
