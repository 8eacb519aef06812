"""A follower on a real node, one step at a time, with an organisation whose wallets it watches."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crypto_api.adapters.price_sources import OutsidePrices
from crypto_api.bootstrap import open_runtime
from crypto_api.chains.documents import ChainCursor
from crypto_api.checkpoints.documents import Checkpoint
from crypto_api.config import Config
from crypto_api.flows.advance_chain import NotLinked, Step, advance_chain, start_following
from crypto_api.flows.book_due import book_due
from crypto_api.flows.checkpoint_wallets import checkpoint_wallets
from crypto_api.flows.confirm_transactions import confirm_transactions
from crypto_api.flows.open_wallets import open_wallet, opening_moment, read_opening
from crypto_api.flows.remedy_item import Bench
from crypto_api.flows.rewind_chain import rewind_chain
from crypto_api.kit.ids import new_id
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.organizations import service as organizations
from crypto_api.runtime import Runtime
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from crypto_api.wallets.watch_list import WatchList
from crypto_project.demo.chain import ChainActor
from mongodb_config.unit_of_work import Session

WEI = Decimal(10) ** 18


@dataclass
class Desk:
    runtime: Runtime
    actor: ChainActor
    network: NetworkConfig
    org_id: str
    watched: WatchList

    @property
    def chain(self) -> Any:
        return self.runtime.rpc[self.network.slug]

    @property
    def feeds(self) -> OutsidePrices:
        return self.runtime.prices

    @property
    def bench(self) -> Bench:
        return Bench(self.runtime.uow, self.runtime.clock, self.runtime.networks, self.runtime.rpc, self.feeds)

    async def step(self) -> Step:
        """What the follower does once; raises what it would have to deal with."""
        runtime = self.runtime
        cursor = await start_following(self.network, self.chain, runtime.clock)
        await self.watched.refresh(cursor.openings)
        await self.watched.opened(await open_due(runtime, self.network, cursor))
        step = await advance_chain(runtime.uow, runtime.clock, self.network, self.chain, self.watched, cursor)
        await self.book()
        await confirm_transactions(runtime.uow, runtime.clock, self.network, step.height)
        return step

    async def book(self) -> int:
        return await book_due(self.runtime.uow, self.runtime.clock, self.network, self.feeds, self.runtime.queue)

    async def follow(self) -> None:
        while True:
            try:
                if (await self.step()).caught_up:
                    return
            except NotLinked:
                await rewind_chain(self.runtime.uow, self.runtime.clock, self.network, self.chain, {self.org_id})

    async def add(self, address: str, name: str, **changes: object) -> Wallet:
        now = self.runtime.clock.now()
        wallet = Wallet(
            id=new_id("wal"),
            created_at=now,
            updated_at=now,
            org_id=self.org_id,
            name=name,
            address=address,
            wallet_type=WalletType.WATCH,
            network=self.network.slug,
            created_by="usr_1",
            opening=Opening.DUE,
        ).model_copy(update=changes)
        await wallet.insert()
        return wallet

    async def wallet(self, wallet: Wallet) -> Wallet:
        found = await wallet_store.get(wallet.org_id, wallet.id)
        assert found is not None
        return found

    async def checkpoints(self, wallet: Wallet) -> list[Checkpoint]:
        found = await checkpoint_wallets(self.runtime.uow, self.runtime.clock, self.network, self.chain, [await self.wallet(wallet)])
        assert found is not None, "not at rest"
        return found

    async def compare(self, wallet: Wallet) -> dict[str, Decimal]:
        """The differences, by asset."""
        return {row.asset: row.difference for row in await self.checkpoints(wallet)}

    async def holding(self, wallet: Wallet, asset: str = "ETH") -> Decimal:
        return (await ledger_store.holdings(self.org_id)).get((wallet.id, asset), (Decimal(0), Decimal(0)))[0]

    async def balance(self, address: str, block: str = "latest") -> Decimal:
        return Decimal(int(await self.actor.rpc("eth_getBalance", address, block), 16)) / WEI


async def open_due(runtime: Runtime, network: NetworkConfig, cursor: ChainCursor) -> list[str]:
    """Opens whoever is due where the cursor stands, as the follower does; the ids of those that were opened."""
    chain, opened = runtime.rpc[network.slug], []
    if (moment := await opening_moment(network, chain, cursor)) is not None:
        for wallet in await wallet_store.due_for_opening_on_network(network.slug):
            found = await read_opening(runtime.uow, runtime.clock, wallet, chain, runtime.prices, moment)
            if found is not None and await open_wallet(runtime.uow, runtime.clock, wallet, found, moment):
                opened.append(wallet.id)
    return opened


@asynccontextmanager
async def open_desk(make_config: Any, rpc_url: str, chain_id: int, **network: object) -> AsyncIterator[Desk]:
    row: dict[str, object] = {"slug": "local", "name": "Local", "chain_id": chain_id, "rpc_urls": [rpc_url], "confirmations": 3, **network}
    actor = ChainActor(rpc_url, chain_id)
    await actor.mine_many(10)
    config: Config = make_config([row])
    async with open_runtime(config) as runtime:

        async def found(session: Session) -> str:
            organization = await organizations.create(session, "Acme", runtime.clock.now())
            await ledger.create_chart(session, organization.id, runtime.clock.now())
            return organization.id

        yield Desk(runtime, actor, runtime.networks["local"], await runtime.uow.run(found), WatchList("local"))
    await actor.close()
