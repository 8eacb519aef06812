"""One factory for each kind of object that an operation names: it makes one in an organisation directly, and gives its id."""

from datetime import date
from decimal import Decimal

from eth_utils.address import to_checksum_address

from crypto_api.audit import service as audit
from crypto_api.kit.ids import new_id
from crypto_api.ledger import service as ledger
from crypto_api.ledger.documents import Account
from crypto_api.ledger.types import AccountCode, AccountType, EntryDraft, Line, Source, SourceKind
from crypto_api.organizations.types import Role
from crypto_api.tasks.documents import Task
from crypto_api.tasks.types import TaskStatus
from crypto_api.wallets.documents import Wallet, WalletType
from tests.authorization.house import Factory, House, Person, random_address
from tests.http.world import stored_transaction

ABSENT = "0000"


def absent(object_id: str) -> str:
    """An id of the same form that nobody has."""
    return object_id[: -len(ABSENT)] + ABSENT


async def organization(house: House, org_id: str, owner: Person) -> str:
    return org_id


async def wallet(house: House, org_id: str, owner: Person) -> str:
    row = Wallet(
        id=new_id("wal"),
        created_at=house.now,
        updated_at=house.now,
        org_id=org_id,
        name="Operations",
        address=to_checksum_address(random_address()),
        wallet_type=WalletType.WATCH,
        network="testnet",
        created_by=owner.user_id,
    )
    await row.insert()
    return row.id


async def transaction(house: House, org_id: str, owner: Person) -> str:
    row = stored_transaction(org_id, await wallet(house, org_id, owner), number=int(random_address(), 16) % 10**9)
    await row.insert()
    return row.id


async def account(house: House, org_id: str, owner: Person) -> str:
    code = str(10_000_000 + int(random_address(), 16) % 80_000_000)
    row = Account(
        id=f"{org_id}:{code}", created_at=house.now, org_id=org_id, code=code, name="Travel", account_type=AccountType.EXPENSE, parent_code=None
    )
    await row.insert()
    return row.id


def _entry_draft() -> EntryDraft:
    lines = [
        Line(account_code=AccountCode.CRYPTO, debit=Decimal(10), credit=Decimal(0)),
        Line(account_code=AccountCode.OPENING, debit=Decimal(0), credit=Decimal(10)),
    ]
    source = Source(kind=SourceKind.MANUAL, id=new_id("src"), purpose="manual")
    return EntryDraft(date=date(2026, 11, 20), description="By hand", lines=lines, source=source)


async def draft_entry(house: House, org_id: str, owner: Person) -> str:
    now = house.now
    return (await house.runtime.uow.run(lambda session: ledger.create_draft(session, org_id, _entry_draft(), owner.user_id, now))).id


async def posted_entry(house: House, org_id: str, owner: Person) -> str:
    now = house.now
    return (await house.runtime.uow.run(lambda session: ledger.post(session, org_id, _entry_draft(), now))).id


async def task(house: House, org_id: str, owner: Person) -> str:
    row = Task(id=new_id("tsk"), created_at=house.now, org_id=org_id, kind="backfill", status=TaskStatus.QUEUED)
    await row.insert()
    return row.id


async def user(house: House, org_id: str, owner: Person) -> str:
    return (await house.person(org_id, Role.USER)).user_id


async def audit_record(house: House, org_id: str, owner: Person) -> str:
    now = house.now
    return (await house.runtime.uow.run(lambda session: audit.record(session, org_id, "wallet.renamed", "Ada renamed it.", now))).id


KINDS: dict[str, Factory] = {
    factory.__name__: factory for factory in (organization, wallet, transaction, account, draft_entry, posted_entry, task, user, audit_record)
}
