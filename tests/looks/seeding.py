"""A rich organisation, with something of every kind and names as long as people make them, and a poor one, which has just begun."""

from dataclasses import dataclass
from typing import Any

from crypto_api.documents import DOCUMENTS
from crypto_api.identity.documents import User
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import Role
from tests.authorization.house import House, Person
from tests.authorization.objects import KINDS
from tests.dashboard.test_portfolio_pages import fill
from tests.factories.treasury import Treasury

LONG = "Vereinigte Binnenschifffahrtsversicherungsgesellschaften und Söhne, Zürich – São Paulo (Sociedad de Responsabilidad Limitada)"
UNBROKEN = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
LENGTHENED = ("name", "title", "client_name", "employee_name", "payee_name", "description", "note", "label", "reference", "message", "reason")
"""What people write themselves, by the name of its field."""
NAMES_LEFT = {"networks", "accounts", "users"}


@dataclass
class Seeded:
    rich: str
    poor: str
    left_out: dict[str, str]  # kinds that could not be made, and why


async def seed(house: House) -> Seeded:
    rich, poor = await house.organization(chart=True), await house.organization(chart=True)
    owner = await house.in_role(rich, Role.ADMIN)
    await _books(house, rich, owner)
    left_out = {}
    for kind, factory in KINDS.items():
        for _ in range(2):
            try:
                await factory(house, rich, owner)
            except Exception as error:
                left_out[kind] = repr(error)[:200]
                break
    await lengthen(house, rich)
    return Seeded(rich, poor, left_out)


async def _books(house: House, org_id: str, owner: Person) -> None:
    """Wallets, prices, movements and entries of an organisation at work."""
    organization, admin = await Organization.get(org_id), await User.get(owner.user_id)
    assert organization is not None and admin is not None
    await fill(house.runtime, Treasury(house.runtime.uow, house.now, organization, admin))


async def lengthen(house: House, org_id: str) -> None:
    """Every other row gets a long name with spaces, every third one that nothing breaks: past the checks of the API, which allow as much."""
    for document in DOCUMENTS:
        if not document.TENANT or document.Settings.name in NAMES_LEFT:
            continue
        table = document.get_pymongo_collection()
        for number, row in enumerate(await table.find({"org_id": org_id}).sort("_id", 1).to_list()):
            more = LONG if number % 2 == 0 else UNBROKEN if number % 3 == 0 else ""
            changes: dict[str, Any] = {name: f"{row[name]} {more}" for name in LENGTHENED if more and isinstance(row.get(name), str) and row[name]}
            if changes:
                await table.update_one({"_id": row["_id"], "org_id": org_id}, {"$set": changes})
    await Organization.get_pymongo_collection().update_one({"_id": org_id}, {"$set": {"name": LONG}})
