"""An organisation with people, wallets, prices, transactions and books, made through documents and the ledger's own posting."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from eth_utils.address import to_checksum_address

from crypto_api.chains.documents import ChainCursor, FollowState
from crypto_api.events import service as events
from crypto_api.identity import service as identity
from crypto_api.identity.documents import User
from crypto_api.identity.types import NewUser
from crypto_api.kit.amounts import to_raw
from crypto_api.kit.ids import new_id
from crypto_api.ledger import service as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, EntryDraft, Line, Source, SourceKind
from crypto_api.organizations import service as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import Role
from crypto_api.prices.documents import OraclePrice
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionRecorded
from crypto_api.transactions.types import Booking, Direction, Finality, Inclusion, Movement, MovementKind
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from mongodb_config.unit_of_work import Session, UnitOfWork
from tests.factories.prepared import Prepared

PASSWORD = "quiet-harbour-lantern-92"
NETWORK, CHAIN_ID = "local", 31337
DECIMALS = {"ETH": 18, "USDC": 6, "DAI": 18, "WETH": 18}
OPENING_LINES = (AccountCode.CRYPTO, AccountCode.OPENING)

NETWORKS: list[dict[str, object]] = [
    {
        "slug": NETWORK,
        "name": "Local chain",
        "chain_id": CHAIN_ID,
        "rpc_urls": ["http://127.0.0.1:1"],
        "explorer_url": "https://explorer.example",
        "wrapped_native": {"symbol": "WETH", "address": "0x" + "e1" * 20, "decimals": 18},
        "tokens": [{"symbol": "USDC", "address": "0x" + "a1" * 20, "decimals": 6}, {"symbol": "DAI", "address": "0x" + "d1" * 20, "decimals": 18}],
        "price_feeds": [
            {"asset": "ETH", "address": "0x" + "f1" * 20},
            {"asset": "USDC", "address": "0x" + "f2" * 20},
            {"asset": "DAI", "address": "0x" + "f3" * 20},
        ],
    }
]


FEEDS = {asset: str(to_checksum_address("0x" + byte * 20)) for asset, byte in (("ETH", "f1"), ("USDC", "f2"), ("DAI", "f3"))}


def address_of(name: str) -> str:
    return str(to_checksum_address("0x" + hashlib.sha256(name.encode()).hexdigest()[:40]))


def hash_of(name: str) -> str:
    return "0x" + hashlib.sha256(name.encode()).hexdigest()


@dataclass
class Treasury:
    uow: UnitOfWork
    now: datetime
    organization: Organization
    admin: User
    wallets: dict[str, Wallet] = field(default_factory=dict)
    made: int = 0

    @property
    def org_id(self) -> str:
        return self.organization.id

    async def wallet(self, name: str, wallet_type: WalletType = WalletType.WATCH, **changes: object) -> Wallet:
        row = Wallet(
            id=new_id("wal"),
            created_at=self.now,
            updated_at=self.now,
            org_id=self.org_id,
            name=name,
            address=address_of(name),
            wallet_type=wallet_type,
            network=NETWORK,
            created_by=self.admin.id,
            opening=Opening.DONE,
            slot=len(self.wallets),
        ).model_copy(update=changes)
        await row.insert()
        self.wallets[name] = row
        return row

    async def member(self, first: str, last: str, role: Role) -> User:
        return await _person(self.uow, self.org_id, first, last, role, self.now)

    async def rate(self, asset: str, rate: str, at: datetime, block: int) -> None:
        row = OraclePrice(
            id=f"eip155:{CHAIN_ID}:{hash_of(f'block {block}')}:{asset}",
            created_at=at,
            network=NETWORK,
            feed=FEEDS.get(asset) or address_of(f"feed {asset}"),
            asset=asset,
            quote="USD",
            block_number=block,
            rate=Decimal(rate),
            updated_at=at,
        )
        await row.insert()

    def movement(
        self, wallet: Wallet, direction: Direction, units: str, coin: str, *, other: str, value: str | None = None, **changes: object
    ) -> Movement:
        decimals = DECIMALS.get(coin, 18)
        own, theirs = wallet.address, address_of(other)
        return Movement(
            key="value",
            kind=MovementKind.NATIVE if coin == "ETH" else MovementKind.ERC20,
            asset=coin,
            contract=None if coin == "ETH" else address_of(coin),
            symbol=coin,
            decimals=decimals,
            raw_amount=str(to_raw(Decimal(units), decimals)),
            amount=Decimal(units),
            direction=direction,
            wallet_id=wallet.id,
            from_address=theirs if direction is Direction.IN else own,
            to_address=own if direction is Direction.IN else theirs,
            value=Decimal(value) if value is not None else None,
            rate=Decimal(value) / Decimal(units) if value is not None else None,
            price_source="oracle" if value is not None else None,
            price_at=self.now if value is not None else None,
        ).model_copy(update=changes)

    def transaction(self, movements: list[Movement], at: datetime, **changes: object) -> Transaction:
        self.made += 1
        hash_ = hash_of(f"{self.org_id} transaction {self.made}")
        return Transaction(
            id=f"{self.org_id}:eip155:{CHAIN_ID}:{hash_}",
            created_at=at,
            org_id=self.org_id,
            network=NETWORK,
            chain_id=CHAIN_ID,
            hash=hash_,
            block_number=1_000 + self.made,
            block_hash=hash_of(f"block {1_000 + self.made}"),
            index=0,
            timestamp=at,
            stored_at=at + timedelta(milliseconds=400),
            succeeded=True,
            finality=Finality.CONFIRMED,
            from_address=movements[0].from_address,
            to_address=movements[0].to_address,
            movements=movements,
            wallet_ids=sorted({row.wallet_id for row in movements} | {row.counter_wallet_id for row in movements if row.counter_wallet_id}),
            assets=sorted({row.asset for row in movements}),
        ).model_copy(update=changes)

    async def record(self, row: Transaction, *, tell: bool = False) -> Transaction:
        """Stores it; with `tell` also the event that the follower writes with it, for the relay to send on."""

        async def work(session: Session) -> None:
            await row.insert(session=session)
            if tell:
                event = TransactionRecorded(
                    transaction_id=row.id,
                    hash=row.hash,
                    network=row.network,
                    block_number=row.block_number,
                    block_at=row.timestamp,
                    status=row.status,
                    category=row.category,
                )
                await events.append(session, row.org_id, event, row.stored_at)

        await self.uow.run(work)
        return row

    async def post(
        self, description: str, lines: list[Line], at: datetime, *, transaction: Transaction | None = None, unpriced: bool = False
    ) -> JournalEntry:
        kind = SourceKind.TRANSACTION if transaction else SourceKind.OPENING
        source = Source(kind=kind, id=transaction.id if transaction else new_id("src"), purpose="movements")
        draft = EntryDraft(
            date=at.date(),
            description=description,
            source=source,
            lines=lines,
            unpriced=unpriced,
            transaction_id=transaction.id if transaction else None,
            transaction_hash=transaction.hash if transaction else None,
        )
        return await self.uow.run(lambda session: ledger.post(session, self.org_id, draft, at))

    async def opening(self, wallet: Wallet, asset: str, quantity: str, value: str, at: datetime) -> JournalEntry:
        held, contra = OPENING_LINES
        lines = [
            Line(account_code=held, debit=Decimal(value), asset=asset, quantity=Decimal(quantity), wallet_id=wallet.id),
            Line(account_code=contra, credit=Decimal(value), asset=asset, quantity=-Decimal(quantity)),
        ]
        return await self.post(f"Opening balance of {wallet.name}: {asset}", lines, at, unpriced=value == "0")

    async def cursor(self, head: int, lag: int = 0, state: FollowState = FollowState.FOLLOWING, reason: str | None = None) -> None:
        row = ChainCursor(
            id=NETWORK,
            created_at=self.now,
            chain_id=CHAIN_ID,
            height=head - lag,
            hash=hash_of("head"),
            head=head,
            state=state,
            reason=reason,
            processed_at=self.now,
        )
        await row.insert()


async def new_treasury(
    uow: UnitOfWork, *, name: str = "Northwind Digital", first: str = "Ada", last: str = "Okafor", now: datetime | None = None
) -> Treasury:
    now = now or datetime.now(UTC).replace(microsecond=0)

    async def work(session: Session) -> Organization:
        organization = await organizations.create(session, name, now)
        await ledger.create_chart(session, organization.id, now)
        return organization

    organization = await uow.run(work)
    return Treasury(uow, now, organization, await _person(uow, organization.id, first, last, Role.ADMIN, now))


async def begun_treasury(prepared: Prepared, runtime: Runtime) -> Treasury:
    """`new_treasury` of now, which is what most tests begin with; as it was made a moment ago for another test, where it was."""

    async def begin() -> tuple[datetime, Organization, User]:
        made = await new_treasury(runtime.uow, now=runtime.clock.now())
        return made.now, made.organization, made.admin

    return Treasury(runtime.uow, *await prepared.once(runtime, "treasury", begin))


async def _person(uow: UnitOfWork, org_id: str, first: str, last: str, role: Role, now: datetime) -> User:
    new = NewUser(username=f"{first}.{last}".lower(), email=f"{first}.{last}@coffer.example".lower(), first_name=first, last_name=last)
    user = await identity.prepare(new, PASSWORD, 4, now, verified=True)

    async def work(session: Session) -> User:
        await identity.register(session, user)
        await organizations.add_member(session, org_id, user.id, role, now)
        return user

    return await uow.run(work)


def orphaned(row: Transaction, at: datetime) -> Transaction:
    past = Inclusion(block_number=row.block_number, block_hash=row.block_hash, orphaned_at=at)
    return row.model_copy(update={"finality": Finality.ORPHANED, "booking": Booking.REVERSED, "past_inclusions": [past]})
