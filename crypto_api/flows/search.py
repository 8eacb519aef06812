"""Finding one thing among all that a person may see: by address, hash, number, id or the beginning of a name.

Every query is a range of an index of the organisation and ends after a few rows, so that a search costs the same in a large house, and no text of a
user ever becomes a pattern. Whoever may not read a kind of thing finds none of it.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from crypto_api.address_book import store as payees
from crypto_api.address_book.types import PRESENT
from crypto_api.clients import store as clients
from crypto_api.contracts import store as contracts
from crypto_api.employees import store as employees
from crypto_api.flows.employee_scope import conditions
from crypto_api.identity.rules import fold
from crypto_api.invoices import store as invoices
from crypto_api.kit.amounts import text as amount_text
from crypto_api.kit.ethereum import checksummed
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import seal_store
from crypto_api.ledger import store as ledger
from crypto_api.organizations.types import Permission, Principal
from crypto_api.payments import store as payments
from crypto_api.payments.documents import Payment
from crypto_api.transactions import store as transactions
from crypto_api.wallets import store as wallets
from mongodb_config import pages

EACH = 5
"""Of each kind; whoever looks for more types more."""
TEXT_MAX = 100
DRAFT = "draft"  # in place of the number that an invoice has once it is sent
HASH_MIN = 6  # hex digits: with fewer, everything would match
_HEX = re.compile(r"0x[0-9a-f]+")
_NUMBER = re.compile(r"#?([0-9]{1,9})")


class FoundKind(StrEnum):
    TRANSACTION = "transaction"
    WALLET = "wallet"
    PAYEE = "payee"
    CONTRACT = "contract"
    PAYMENT = "payment"
    CLIENT = "client"
    EMPLOYEE = "employee"
    INVOICE = "invoice"
    ENTRY = "entry"


@dataclass(frozen=True, slots=True)
class Found:
    kind: FoundKind
    id: str
    name: str
    detail: str


Find = Callable[[Principal, str, str], Awaitable[list[Found]]]


def cleaned(text: str) -> str:
    """On one line, without control characters and outer spaces, bounded."""
    return " ".join("".join(mark for mark in text[: 4 * TEXT_MAX] if mark.isprintable()).split())[:TEXT_MAX]


async def search(principal: Principal, text: str) -> list[Found]:
    """At most `EACH` of each kind, kinds in the order of `FoundKind`."""
    wanted, org_id = cleaned(text), principal.org_id
    if not wanted or org_id is None:
        return []
    low = wanted.casefold()
    finders = _BY_HEX if _HEX.fullmatch(low) else _BY_TEXT
    return [row for permission, find in finders if principal.may(permission) for row in (await find(principal, org_id, wanted))[:EACH]]


# ---- by hexadecimal digits -------------------------------------------------------------------------------------------------------


async def _by_hash(principal: Principal, org_id: str, text: str) -> list[Found]:
    if not HASH_MIN <= len(text) - 2 <= 64:
        return []
    rows = await transactions.by_hash_prefix(org_id, text.lower(), EACH)
    return [Found(FoundKind.TRANSACTION, row.id, row.hash, row.counterparty) for row in rows]


async def _payments_by_hash(principal: Principal, org_id: str, text: str) -> list[Found]:
    if not HASH_MIN <= len(text) - 2 <= 64:
        return []
    return [_payment(row) for row in await payments.by_hash_prefix(org_id, text.lower(), EACH)]


def _payment(row: Payment) -> Found:
    return Found(FoundKind.PAYMENT, row.id, row.description or row.payee_name or row.payee_address, f"{amount_text(row.amount)} {row.asset}")


async def _wallets(principal: Principal, org_id: str, text: str) -> list[Found]:
    """Ten a person at most: they are read and looked through, by any part of the name or the beginning of the address."""
    low = text.casefold()
    rows = sorted(await wallets.of_people(org_id), key=lambda row: row.id)
    return [
        Found(FoundKind.WALLET, row.id, row.name, row.address)
        for row in rows
        if (row.address.lower().startswith(low) if low.startswith("0x") else low in row.name.casefold())
    ]


async def _payees_at(principal: Principal, org_id: str, text: str) -> list[Found]:
    rows = await payees.at(org_id, checksummed(text.lower())) if _is_address(text) else []
    return [Found(FoundKind.PAYEE, row.id, row.name, row.address) for row in rows]


async def _contracts_at(principal: Principal, org_id: str, text: str) -> list[Found]:
    rows = await contracts.by_address(org_id, checksummed(text.lower())) if _is_address(text) else []
    return [Found(FoundKind.CONTRACT, row.id, row.name, row.address) for row in rows]


def _is_address(text: str) -> bool:
    return len(text) == 42


# ---- by words and numbers --------------------------------------------------------------------------------------------------------


def _beginning(text: str) -> dict[str, Any]:
    return {"name_folded": pages.begins_with(fold(text))}


_BY_NAME = PageRequest(limit=EACH, sort="name_folded", descending=False)
_BY_FIRST = PageRequest(limit=EACH, sort="first_folded", descending=False)
_BY_MAIL = PageRequest(limit=EACH, sort="email", descending=False)


async def _payees(principal: Principal, org_id: str, text: str) -> list[Found]:
    found = await payees.page(org_id, _beginning(text) | {"state": {"$in": sorted(PRESENT)}}, _BY_NAME)
    return [Found(FoundKind.PAYEE, row.id, row.name, row.address) for row in found.items]


async def _contracts(principal: Principal, org_id: str, text: str) -> list[Found]:
    found = await contracts.page(org_id, _beginning(text), _BY_NAME)
    return [Found(FoundKind.CONTRACT, row.id, row.name, row.address) for row in found.items]


async def _payments(principal: Principal, org_id: str, text: str) -> list[Found]:
    """By the id, whole, or the beginning of what it says of itself: the reference that somebody gave it."""
    by_id = await payments.get(org_id, text)
    rows = [by_id] if by_id is not None else await payments.described(org_id, fold(text), EACH)
    return [_payment(row) for row in rows]


async def _clients(principal: Principal, org_id: str, text: str) -> list[Found]:
    found = await clients.page(org_id, _beginning(text), _BY_NAME)
    return [Found(FoundKind.CLIENT, row.id, row.name, row.email) for row in found.items]


async def _employees(principal: Principal, org_id: str, text: str) -> list[Found]:
    """By the last name, the first, or the address, and only whom this person may see."""
    seen = await conditions(principal)
    by_name = await employees.page(org_id, {"$and": [seen, _beginning(text)]}, _BY_NAME)
    by_first = await employees.page(org_id, {"$and": [seen, _first_and_last(fold(text))]}, _BY_FIRST)
    by_mail = await employees.page(org_id, {"$and": [seen, {"email": pages.begins_with(fold(text))}]}, _BY_MAIL)
    rows = {row.id: row for row in [*by_name.items, *by_first.items, *by_mail.items]}
    return [Found(FoundKind.EMPLOYEE, row.id, f"{row.first_name} {row.last_name}", row.email) for row in rows.values()]


def _first_and_last(folded: str) -> dict[str, Any]:
    """The first name, or all of it with the beginning of the last behind it, wherever one ends and the other begins."""
    words = folded.split()
    halves = [(" ".join(words[:place]), " ".join(words[place:])) for place in range(1, min(len(words), 4))]
    both = [{"first_folded": pages.begins_with(first), "name_folded": pages.begins_with(last)} for first, last in halves]
    range_of_index = pages.begins_with(words[0] if words else folded)
    return {"first_folded": range_of_index, "$or": [{"first_folded": pages.begins_with(folded)}, *both]}


async def _invoices(principal: Principal, org_id: str, text: str) -> list[Found]:
    """By the number, or the client's name."""
    rows = await invoices.numbered(org_id, text.upper(), EACH) or await invoices.of_clients_named(org_id, fold(text), EACH)
    return [Found(FoundKind.INVOICE, row.id, row.number or DRAFT, row.client_name) for row in rows]


async def _entries(principal: Principal, org_id: str, text: str) -> list[Found]:
    """By its place in the chain of seals, as the certificate and the exports name it."""
    number = _NUMBER.fullmatch(text)
    seal = await seal_store.seal_at(org_id, int(number[1])) if number else None
    row = await ledger.entry(org_id, seal.entry_id) if seal is not None else None
    return [Found(FoundKind.ENTRY, row.id, f"#{row.seal_seq}", row.description)] if row is not None else []


_BY_HEX: tuple[tuple[Permission, Find], ...] = (
    (Permission.TRANSACTIONS_READ, _by_hash),
    (Permission.PAYMENTS_READ, _payments_by_hash),
    (Permission.WALLETS_READ, _wallets),
    (Permission.ADDRESS_BOOK_READ, _payees_at),
    (Permission.CONTRACTS_READ, _contracts_at),
)
_BY_TEXT: tuple[tuple[Permission, Find], ...] = (
    (Permission.WALLETS_READ, _wallets),
    (Permission.ADDRESS_BOOK_READ, _payees),
    (Permission.CONTRACTS_READ, _contracts),
    (Permission.PAYMENTS_READ, _payments),
    (Permission.CLIENTS_READ, _clients),
    (Permission.EMPLOYEES_READ, _employees),
    (Permission.INVOICES_READ, _invoices),
    (Permission.LEDGER_READ, _entries),
)
