"""Organisations that follow one node: contracts of `tests/contracts` on it, and the follower's steps by hand. One node and one database for a
whole module; each test founds its own organisation with wallets of its own."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from eth_account import Account
from eth_account.signers.local import LocalAccount

from crypto_api.bootstrap import open_runtime
from crypto_api.chains import service as chain_service
from crypto_api.chains import store as chain_store
from crypto_api.chains.types import ChainAsset, Position
from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from crypto_api.flows.advance_chain import NotLinked, Step, advance_chain, start_following
from crypto_api.flows.book_due import book_due
from crypto_api.flows.confirm_transactions import confirm_transactions
from crypto_api.flows.find_missing_movements import Search, find_missing_movements
from crypto_api.flows.rewind_chain import rewind_chain
from crypto_api.kit.ids import new_id
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import EntryStatus
from crypto_api.organizations import service as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Wallet, WalletType
from crypto_api.wallets.watch_list import WatchList
from crypto_project.demo.chain import ChainActor, SentTransaction
from crypto_project.demo.compile import Artifact, compile_contracts
from crypto_project.demo.keys import dev_account
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from crypto_project.embedded.servers import Addresses
from mongodb_config.client import connect
from mongodb_config.migrations import deploy
from mongodb_config.unit_of_work import Session
from tests.factories.following import open_due

CONTRACTS_DIR = Path(__file__).parents[1] / "contracts"
GAS = 3_000_000
ETHER = 10**18

stranger = dev_account(8)  # somebody on the chain whom nobody here knows
deployer = dev_account(9)

# name on the chain → contract, arguments, and what the networks file says of it; none where it is not listed
_TOKENS: dict[str, tuple[str, tuple[object, ...], int | None]] = {
    "USD": ("PlainToken", ("USD", 6), 6),
    "WHOLE": ("PlainToken", ("WHOLE", 0), 0),
    "DEEP": ("PlainToken", ("DEEP", 24), 24),
    "HUGE": ("PlainToken", ("HUGE", 18), 18),
    "FEE": ("FeeToken", (), 6),
    "REB": ("RebasingToken", (), 18),
    "HUSH": ("SilentToken", (), None),
    "SHIFT": ("ShiftingToken", (), None),
    "PIC": ("Pictures", (), None),
    "ITEM": ("Items", (), None),
    "FORWARDER": ("Forwarder", (), None),
    "ACCOUNT": ("Account", (), None),
    "WETH": ("WrappedEther", (), None),
    "ETHUSD": ("PriceFeed", ("ETH / USD", 8, 2_000 * 10**8), None),
}


@dataclass
class House:
    runtime: Runtime
    actor: ChainActor
    network: NetworkConfig
    artifacts: dict[str, Artifact]
    addresses: dict[str, str]
    watched: WatchList
    org_ids: set[str] = field(default_factory=set)

    @property
    def chain(self) -> Any:
        return self.runtime.rpc[self.network.slug]

    def contract(self, name: str, address: str | None = None) -> Any:
        return self.actor.w3.eth.contract(address=address or self.addresses[name], abi=self.artifacts[_TOKENS[name][0]].abi)

    async def call(
        self, sender: LocalAccount, name: str, function: str, *arguments: object, value: int = 0, at: str | None = None, gas: int = GAS
    ) -> SentTransaction:
        """Sent, not mined. `at`: another contract of the same kind."""
        data = bytes.fromhex(self.contract(name, at).encode_abi(function, list(arguments))[2:])
        return await self.actor.send(sender, at or self.addresses[name], value=value, data=data, gas=gas)

    async def deploy(self, name: str, *, value: int = 0) -> str:
        kind, arguments, _ = _TOKENS[name]
        factory = self.actor.w3.eth.contract(abi=self.artifacts[kind].abi, bytecode=self.artifacts[kind].bytecode)
        sent = await self.actor.send(deployer, None, value=value, data=_bytes(factory.constructor(*arguments).data_in_transaction), gas=GAS)
        await self.actor.mine()
        return str((await self.actor.wait(sent))["contractAddress"])

    async def found(self, *, time_zone: str = "UTC") -> "Books":
        async def work(session: Session) -> Organization:
            organization = await organizations.create(session, "Acme", self.runtime.clock.now())
            await ledger.create_chart(session, organization.id, self.runtime.clock.now())
            return organization

        organization = await self.runtime.uow.run(work)
        self.org_ids.add(organization.id)
        if time_zone != "UTC":
            await Organization.get_pymongo_collection().update_one({"_id": organization.id}, {"$set": {"time_zone": time_zone}})
        return Books(self, organization.id)

    async def step(self) -> Step:
        runtime = self.runtime
        cursor = await start_following(self.network, self.chain, runtime.clock)
        await self.watched.refresh(cursor.openings)
        await self.watched.opened(await open_due(runtime, self.network, cursor))
        step = await advance_chain(runtime.uow, runtime.clock, self.network, self.chain, self.watched, cursor)
        await self.book()
        await confirm_transactions(runtime.uow, runtime.clock, self.network, step.height)
        return step

    async def book(self) -> None:
        await book_due(self.runtime.uow, self.runtime.clock, self.network, self.runtime.prices, self.runtime.queue)

    async def follow(self) -> None:
        while True:
            try:
                if (await self.step()).caught_up:
                    return
            except NotLinked:
                await rewind_chain(self.runtime.uow, self.runtime.clock, self.network, self.chain, self.org_ids)

    async def mine(self) -> None:
        """A block, followed and booked."""
        await self.actor.mine()
        await self.follow()


@dataclass
class Books:
    house: House
    org_id: str

    async def wallet(self, name: str, *, wei: int = 10 * ETHER, address: str | None = None) -> tuple[LocalAccount, Wallet]:
        """A key of its own with that much on it, watched from the next block on; or the address of a contract."""
        account: LocalAccount = Account.create()
        await self.house.actor.set_balance(address or account.address, wei)
        await self.house.mine()
        wallet = await self.watch(name, address or account.address)
        await self.house.follow()
        return account, wallet

    async def watch(self, name: str, address: str | None = None) -> Wallet:
        """An address of somebody's, watched once the next block is followed."""
        now = self.house.runtime.clock.now()
        wallet = Wallet(
            id=new_id("wal"),
            created_at=now,
            updated_at=now,
            org_id=self.org_id,
            name=name,
            address=address or Account.create().address,
            wallet_type=WalletType.WATCH,
            network=self.house.network.slug,
            created_by="usr_1",
        )
        await wallet.insert()
        return wallet

    async def rows(self) -> list[Transaction]:
        return await Transaction.find({"org_id": self.org_id}).sort("+block_number", "+index").to_list()

    async def row(self, sent: SentTransaction) -> Transaction:
        (row,) = await Transaction.find({"org_id": self.org_id, "hash": sent.hash}).to_list()
        return row

    async def entries(self, row: Transaction) -> list[JournalEntry]:
        """Those that stand."""
        return await JournalEntry.find({"org_id": self.org_id, "transaction_id": row.id, "status": EntryStatus.POSTED, "reverses": None}).to_list()

    async def holding(self, wallet: Wallet, asset: str = "ETH") -> Decimal:
        return (await ledger_store.holdings(self.org_id)).get((wallet.id, asset), (Decimal(0), Decimal(0)))[0]

    async def on_chain(self, wallet: Wallet, asset: str = "ETH") -> Decimal:
        found = self.asset(asset)
        cursor = await chain_store.cursor("local")
        assert cursor is not None
        (raw,) = await self.house.chain.balances([(wallet.address, found.contract)], cursor.hash)
        return Decimal(raw).scaleb(-found.decimals)

    async def agrees(self, wallet: Wallet, asset: str = "ETH") -> bool:
        return await self.holding(wallet, asset) == await self.on_chain(wallet, asset)

    def asset(self, name: str) -> ChainAsset:
        return next(row for row in chain_service.listed_assets(self.house.network) if row.name == name)

    async def search(self, wallet: Wallet, asset: str = "ETH") -> Search:
        """As where a checkpoint finds a difference."""
        house, cursor = self.house, await chain_store.cursor("local")
        stored = await wallet_store.get(self.org_id, wallet.id)
        assert cursor is not None and stored is not None and stored.opened_at_height is not None
        here, runtime = Position(cursor.height, cursor.hash), house.runtime
        found = await find_missing_movements(
            runtime.uow, runtime.clock, house.network, house.chain, stored, self.asset(asset), since=stored.opened_at_height, here=here
        )
        await house.book()
        return found


@asynccontextmanager
async def open_house(addresses: Addresses, folder: Path) -> AsyncIterator[House]:
    """On a database and a node of its own; what it writes lies in `folder`."""
    options = ChainNodeOptions(mining=False, keep=False)
    child, port = chain_node(folder / "node", folder, options)
    await child.start()
    url, database = f"http://127.0.0.1:{port}", f"test_{secrets.token_hex(8)}"
    actor, client = ChainActor(url, options.chain_id), connect(addresses.mongodb_uri)
    try:
        artifacts = {**await compile_contracts(), **await compile_contracts(contracts_dir=CONTRACTS_DIR)}
        deployed = await _deploy(actor, artifacts)
        await deploy(client, database, DOCUMENTS)
        networks = folder / "networks.json"
        networks.write_bytes(orjson.dumps([_network(url, options.chain_id, deployed)]))
        config = Config(  # type: ignore[call-arg]
            _env_file=None,
            mongodb_uri=addresses.mongodb_uri,
            redis_url=addresses.redis_url,
            mongodb_database=database,
            networks=networks,
            log_dir=folder / "logs",
            secret_key=secrets.token_hex(32),
            email_mock_mode=True,
        )
        async with open_runtime(config) as runtime:
            yield House(runtime, actor, runtime.networks["local"], artifacts, deployed, WatchList("local"))
    finally:
        await actor.close()
        await client.close()  # dropping the database would take longer than the tests did; its server ends with the session
        await child.stop()


async def _deploy(actor: ChainActor, artifacts: dict[str, Artifact]) -> dict[str, str]:
    sent = {}
    for name, (kind, arguments, _) in _TOKENS.items():
        factory = actor.w3.eth.contract(abi=artifacts[kind].abi, bytecode=artifacts[kind].bytecode)
        sent[name] = await actor.send(deployer, None, data=_bytes(factory.constructor(*arguments).data_in_transaction), gas=GAS)
    await actor.mine()
    await actor.mine_many(3)
    return {name: str((await actor.wait(transaction))["contractAddress"]) for name, transaction in sent.items()}


def _network(url: str, chain_id: int, deployed: dict[str, str]) -> dict[str, object]:
    listed = [{"symbol": name, "address": deployed[name], "decimals": decimals} for name, (_, _, decimals) in _TOKENS.items() if decimals is not None]
    return {
        "slug": "local",
        "name": "Local",
        "chain_id": chain_id,
        "rpc_urls": [url],
        "confirmations": 2,
        "reorg_depth_max": 8,
        "tokens": listed,
        "wrapped_native": {"symbol": "WETH", "address": deployed["WETH"], "decimals": 18},
        "price_feeds": [{"asset": "ETH", "address": deployed["ETHUSD"], "age_max_s": 86_400}],
    }


def _bytes(data: object) -> bytes:
    return bytes.fromhex(str(data).removeprefix("0x"))
