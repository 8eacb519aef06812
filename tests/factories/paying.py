"""An organisation that pays over HTTP: a real node, the real signer, the follower and the sweep of payments by hand."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from eth_account import Account
from eth_account.signers.local import LocalAccount

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.chains import store as chain_store
from crypto_api.flows.advance_chain import NotLinked, advance_chain, start_following
from crypto_api.flows.advance_payments import advance_together
from crypto_api.flows.book_due import book_due
from crypto_api.flows.confirm_transactions import confirm_transactions
from crypto_api.flows.link_payments import link_payments
from crypto_api.flows.rewind_chain import rewind_chain
from crypto_api.kit.clock import SystemClock
from crypto_api.kit.ids import new_id
from crypto_api.kit.signing import KeyParcels
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt
from crypto_api.payments.ports import World
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.runtime import Runtime
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from crypto_api.wallets.watch_list import WatchList
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.compile import compile_contracts
from crypto_project.demo.deploy import DemoContracts, deploy_contracts
from crypto_project.demo.moves import ChainMoves
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from workers.payments import world_of

ETHER = 10**18
SLUG = "testnet"
FREE = PaymentPolicy(payees=Payees.ANY, approvals_required=0)
ONE_APPROVAL = PaymentPolicy(payees=Payees.ANY, approvals_required=1)
Json = dict[str, Any]
Node = tuple[ChainActor, str, DemoContracts]


@asynccontextmanager
async def paying_node(folder: Path) -> AsyncIterator[Node]:
    """One chain for the tests of a file, which mines only when told to; each test has wallets of its own on it."""
    options = ChainNodeOptions(mining=False, keep=False)
    child, port = chain_node(folder / "node", folder, options)
    await child.start()
    url = f"http://127.0.0.1:{port}"
    actor = ChainActor(url, options.chain_id)
    try:
        contracts = await deploy_contracts(actor, await compile_contracts())
        await actor.mine_many(2)
        yield actor, url, contracts
    finally:
        await actor.close()
        await child.stop()


def network_row(rpc_url: str, chain_id: int, contracts: DemoContracts, **changes: object) -> Json:
    return {
        "slug": SLUG,
        "name": "Test network",
        "chain_id": chain_id,
        "rpc_urls": [rpc_url],
        "confirmations": 2,
        "reorg_depth_max": 8,
        "tokens": [{"symbol": "USDC", "address": contracts.usdc, "decimals": 6}],
        "price_feeds": [{"asset": "ETH", "address": contracts.eth_usd}, {"asset": "USDC", "address": contracts.usdc_usd}],
    } | changes


@dataclass
class LaterClock:
    """The real time and some more."""

    later: timedelta = timedelta(0)

    def now(self) -> datetime:
        return SystemClock().now() + self.later


@dataclass
class PayingHouse:
    runtime: Runtime
    actor: ChainActor
    contracts: DemoContracts
    org_id: str
    clock: LaterClock = field(default_factory=LaterClock)
    watched: WatchList = field(default_factory=lambda: WatchList(SLUG))
    world_with: Callable[[World], World] = lambda world: world

    @property
    def moves(self) -> ChainMoves:
        return ChainMoves(self.actor, self.contracts)

    # ---- what there is -----------------------------------------------------------------------------------------------------------

    async def policy(self, policy: PaymentPolicy) -> None:
        now = self.runtime.clock.now()
        await OrganizationPolicy.find({"org_id": self.org_id}).delete()
        await OrganizationPolicy(id=self.org_id, org_id=self.org_id, created_at=now, policy=policy, updated_at=now).insert()

    async def wallet(self, *, wei: int = 10 * ETHER, usdc: int = 0, wallet_type: WalletType = WalletType.PRIVATE_KEY) -> tuple[Wallet, LocalAccount]:
        """A fresh key with that much on it, held by the signer, or by the person."""
        key, now, wallet_id = Account.create(), self.runtime.clock.now(), new_id("wal")
        envelope = None
        if wallet_type is WalletType.PRIVATE_KEY:
            parcel = make_parcel(bytearray(orjson.dumps("0x" + bytes(key.key).hex())), await self.runtime.signer.public_key())
            envelope = (await self.runtime.signer.seal(self.org_id, wallet_id, KeyParcels(private_key=parcel))).envelope
        wallet = Wallet(
            id=wallet_id,
            created_at=now,
            updated_at=now,
            org_id=self.org_id,
            name="Treasury",
            address=key.address,
            wallet_type=wallet_type,
            network=SLUG,
            sealed_key=envelope,
            created_by="usr_1",
            opening=Opening.DONE,
        )
        await wallet.insert()
        await self.actor.set_balance(key.address, wei)
        if usdc:
            await self.moves.mint(self.contracts.usdc, key.address, usdc)
        await self.mine()
        return wallet, key

    # ---- what happens ------------------------------------------------------------------------------------------------------------

    async def follow(self) -> None:
        runtime, network = self.runtime, self.runtime.networks[SLUG]
        chain = runtime.rpc[SLUG]
        await start_following(network, chain, runtime.clock)
        while True:
            cursor = await chain_store.cursor(SLUG)
            assert cursor is not None
            await self.watched.refresh(cursor.openings)
            try:
                step = await advance_chain(runtime.uow, runtime.clock, network, chain, self.watched, cursor)
            except NotLinked:
                await rewind_chain(runtime.uow, runtime.clock, network, chain, {self.org_id})
                continue
            await confirm_transactions(runtime.uow, runtime.clock, network, step.height)
            if step.caught_up:
                return

    async def mine(self, blocks: int = 1) -> None:
        """As many blocks, followed."""
        await self.actor.mine()
        if blocks > 1:
            await self.actor.mine_many(blocks - 1)
        await self.follow()

    async def book(self) -> None:
        runtime = self.runtime
        await book_due(runtime.uow, runtime.clock, runtime.networks[SLUG], runtime.prices, runtime.queue)

    def world(self) -> World:
        world = world_of(self.runtime, SLUG, fence=1)
        world.book._clock = self.clock  # type: ignore[attr-defined]
        return self.world_with(World(world.book, world.chain, world.signer, world.judge, self.clock, world.confirmations, world.settled_depth))

    async def sweep(self, *payment_ids: str) -> None:
        """Every open payment as far as it goes, whenever it would be due."""
        rows = await Payment.find({"org_id": self.org_id, "due_at": {"$type": "date"}}).sort("+_id").to_list()
        chosen = [row for row in rows if not payment_ids or row.id in payment_ids]
        for sender in dict.fromkeys(row.from_address for row in chosen):
            refs = [(row.org_id, row.id) for row in chosen if row.from_address == sender]
            await advance_together(self.world(), refs)
            await link_payments(self.runtime.uow, self.runtime.clock, self.runtime.networks[SLUG], refs)

    # ---- what stands -------------------------------------------------------------------------------------------------------------

    async def payment(self, payment_id: str) -> Payment:
        found = await Payment.find_one({"_id": payment_id, "org_id": self.org_id})
        assert found is not None
        return found

    async def attempts(self, payment_id: str) -> list[PaymentAttempt]:
        return await PaymentAttempt.find({"payment_id": payment_id, "org_id": self.org_id}).sort("+number").to_list()

    async def slots(self, address: str) -> list[NonceSlot]:
        return await NonceSlot.find({"address": address}).sort("+nonce").to_list()

    async def ether(self, address: str) -> int:
        return int(await self.actor.rpc("eth_getBalance", address, "latest"), 16)

    async def usdc(self, address: str) -> int:
        data = "0x70a08231" + "0" * 24 + address[2:].lower()
        return int(await self.actor.rpc("eth_call", {"to": self.contracts.usdc, "data": data}, "latest"), 16)

    async def nonce(self, address: str) -> int:
        return int(await self.actor.rpc("eth_getTransactionCount", address, "latest"), 16)


def stranger() -> str:
    return str(Account.create().address)


def fresh_key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(8)}
