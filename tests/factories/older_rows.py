"""An installation as releases before the numbered migrations left it: rows that lack what each migration adds, and indexes that one takes away."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.kit.ids import new_id
from crypto_api.ledger import service as ledger
from crypto_api.ledger.documents import Account, AccountSum, JournalEntry
from crypto_api.ledger.types import AccountCode
from crypto_api.lots.documents import LotState
from crypto_api.payments.documents import NonceSlot, Payment, SenderLane
from crypto_api.payments.types import Call, Origin, PaymentKind, Way
from crypto_api.runtime import Runtime
from crypto_api.saved_views.documents import SavedView
from mongodb_config.base_document import BaseDocument, encoded
from mongodb_config.client import Database
from mongodb_config.migrations import COLLECTION
from tests.http.world import stored_transaction
from tests.ledger.test_as_of import body

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
PAYER = "0x52908400098527886E0F7030069857D2E4169EE7"
PAYEE = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"
ADDED = {  # codes of the accounts that migrations 1, 6, 7, 9 and 10 bring
    AccountCode.CASH, AccountCode.TAXES, AccountCode.EXCHANGE_GAINS, AccountCode.EXCHANGE_LOSSES, AccountCode.PAYROLL_PAYABLE,
    AccountCode.PAYROLL_TAXES, AccountCode.UNAPPLIED, AccountCode.EXCHANGES,
}  # fmt: skip
INDEXES = (  # that migrations 5, 12 and 15 take away
    ("account_balances", "org_wallet", [("org_id", 1), ("wallet_id", 1)]),
    ("saved_views", "org_user_name", [("org_id", 1), ("user_id", 1), ("name_folded", 1)]),
    ("transactions", "org_wallet", [("org_id", 1), ("wallet_ids", 1), ("timestamp", -1)]),
    ("transactions", "org_category", [("org_id", 1), ("category", 1), ("timestamp", -1)]),
)
LACKING: Mapping[type[BaseDocument], tuple[str, ...]] = {
    JournalEntry: ("unsealed", "seal_seq", "uncosted"),
    SenderLane: ("unsigned_from", "handed"),
    SavedView: ("list_name",),
    Employee: ("first_folded",),
    Payment: ("description_folded",),
}


@dataclass
class OlderRows:
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by collection, as they were stored

    def add(self, row: BaseDocument) -> None:
        lacking = LACKING.get(type(row), ())
        stored = {name: value for name, value in encoded(row).items() if name not in lacking}
        self.rows.setdefault(str(vars(type(row).Settings)["name"]), []).append(stored)

    @property
    def touched(self) -> set[str]:
        """The collections in which a migration changes something."""
        return {*self.rows, "person_decisions", COLLECTION}

    async def put(self, database: Database) -> None:
        """The database as it was, whatever a migration has made of it."""
        for name in self.touched:
            await database[name].delete_many({})
        for name, rows in self.rows.items():
            await database[name].insert_many(rows)
        for collection, name, keys in INDEXES:
            if name not in await database[collection].index_information():
                await database[collection].create_index(keys, name=name)


async def older_rows(runtime: Runtime, organizations: int = 2) -> OlderRows:
    """Of some organisations: a chart, sealed entries, lots, a sender with a nonce that is not signed, people, a view, and what a person said."""
    older, rng = OlderRows(), random.Random(7)
    orgs = sorted(new_id("org") for _ in range(organizations))
    for place, org_id in enumerate(orgs):
        await runtime.uow.run(lambda session, org=org_id: ledger.create_chart(session, org, NOW))  # type: ignore[misc]
        for number in range(2):
            made = body(number, NOW.date(), rng)
            await runtime.uow.run(lambda session, org=org_id, made=made: ledger.post(session, org, made, NOW))  # type: ignore[misc]
        _add_people(older, org_id)
        _add_payment(older, org_id, place)
        said: dict[str, Any] = {"category": "expense", "category_source": "person", "counterparty": "Hosting"}
        older.add(stored_transaction(org_id, new_id("wal"), number=place + 1, **said))
        older.add(
            LotState(id=org_id, org_id=org_id, created_at=NOW, rules_version=1, rule_start=0, settled_at=NOW),
        )
    await seal_entries(runtime.uow, runtime.clock)
    async for account in Account.find({"org_id": {"$in": orgs}, "code": {"$nin": sorted(ADDED)}}):
        older.add(account)
    async for entry in JournalEntry.find({"org_id": {"$in": orgs}}):
        older.add(entry)
    async for cell in AccountSum.find({"org_id": {"$in": orgs}, "span": {"$ne": "held_day"}}):
        older.add(cell)
    return older


def _add_people(older: OlderRows, org_id: str) -> None:
    for first in ("Ada", " Grace "):
        facts = {"first_name": first, "last_name": "Hopper", "name_folded": "hopper", "status": EmployeeStatus.ACTIVE, "updated_at": NOW}
        person = new_id("emp")
        older.add(Employee(id=person, org_id=org_id, created_at=NOW, email=f"{person}@example.com", **facts))
    view = {"user_id": new_id("usr"), "name": "Old", "name_folded": "old", "filters": {"q": "x"}}
    older.add(SavedView(id=new_id("svw"), org_id=org_id, created_at=NOW, **view))


def _add_payment(older: OlderRows, org_id: str, place: int) -> None:
    """It has nonce 5, and nothing was signed yet."""
    chain_id, payment_id = 31337 + place, new_id("pay")
    older.add(
        Payment(
            id=payment_id, org_id=org_id, created_at=NOW, updated_at=NOW, origin=Origin(kind="manual", id=payment_id), kind=PaymentKind.TRANSFER,
            way=Way.SIGNER, network="testnet", chain_id=chain_id, wallet_id=new_id("wal"), from_address=PAYER, payee_address=PAYEE, asset="ETH",
            decimals=18, raw_amount="1", amount=Decimal("1E-18"), call=Call(to=PAYEE, value_raw="1", data="0x"), description=" Rent of MAY ",
            value_currency="EUR", prepared_by=new_id("usr"), due_at=None, nonce=5,
        )
    )  # fmt: skip
    lane = f"eip155:{chain_id}:{PAYER}"
    older.add(SenderLane(id=lane, created_at=NOW, chain_id=chain_id, address=PAYER))
    older.add(
        NonceSlot(id=f"{lane}:5", created_at=NOW, chain_id=chain_id, address=PAYER, nonce=5, owner_org_id=org_id, payment_id=payment_id),
    )
