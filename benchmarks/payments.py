"""From approved to broadcast, for many payments of one sender, on a whole installation: real node, signer, follower and worker.

    python -m benchmarks.payments [--payments 1000]

One sender is the worst case: its nonces are given out one after another, and each payment is stored, signed by the signer and stored again before
it is sent. Beside it stands the raw limit of the same run: signing with the key at hand and sending, storing nothing.
"""

import argparse
import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from beanie import init_beanie
from eth_account import Account
from eth_account.signers.local import LocalAccount
from pymongo import AsyncMongoClient

from benchmarks.latency import percentile
from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.adapters.signer import SignerClient
from crypto_api.documents import DOCUMENTS
from crypto_api.kit.ethereum import checksummed
from crypto_api.kit.ids import new_id
from crypto_api.kit.signing import KeyParcels
from crypto_api.payments.documents import Payment, PaymentAttempt
from crypto_api.payments.rules import transfer_call
from crypto_api.payments.typed_data import digest
from crypto_api.payments.types import Origin, PaymentKind, PaymentState, Way
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.wallets.documents import Opening, Wallet, WalletType
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.world import DemoWorld
from crypto_project.shell import Shell, ShellOptions
from mongodb_config.client import connect

BLOCK_S = 1.0
WAIT_S_MAX = 600.0
WEI = 10**12


async def measure(count: int) -> dict[str, Any]:
    async with Shell(ShellOptions()) as shell:
        world = shell.world
        assert isinstance(world, DemoWorld)
        actor = ChainActor(shell.addresses.rpc_url, shell.addresses.chain_id)
        await actor.take_over_mining()
        client: AsyncMongoClient[dict[str, Any]] = connect(shell.config.mongodb_uri)
        await init_beanie(database=client[shell.config.mongodb_database], document_models=DOCUMENTS, skip_indexes=True)
        mining = asyncio.create_task(_mine(actor))
        try:
            raw_s = await _raw(actor, count)
            wallet = await _wallet(shell, world.org_id, actor)
            approved_at = await _approve(wallet, actor.chain_id, count)
            sent = await _sent(wallet, count)
            confirmed_s = await _confirmed(wallet, count, approved_at)
        finally:
            mining.cancel()
            await actor.close()
            await client.close()
    took = sorted((at - approved_at).total_seconds() for at in sent)
    return {
        "payments": count,
        "approve_to_broadcast_s": {"p50": round(percentile(took, 0.5), 2), "p99": round(percentile(took, 0.99), 2), "last": round(took[-1], 2)},
        "per_second": round(count / took[-1], 1),
        "raw_per_second": round(count / raw_s, 1),
        "share_of_raw": round(raw_s / took[-1], 3),
        "all_confirmed_s": round(confirmed_s, 1),
    }


async def _mine(actor: ChainActor) -> None:
    while True:
        await actor.mine()
        await asyncio.sleep(BLOCK_S)


async def _raw(actor: ChainActor, count: int) -> float:
    """Signed here and sent, one after another."""
    key: LocalAccount = Account.create()
    await actor.set_balance(key.address, 10**21)
    started, to = time.monotonic(), str(Account.create().address)
    for _ in range(count):
        await actor.send(key, to, value=WEI)
    return time.monotonic() - started


async def _wallet(shell: Shell, org_id: str, actor: ChainActor) -> Wallet:
    signer, key, now = SignerClient(shell.config.signer_socket), Account.create(), datetime.now(UTC)
    wallet_id = new_id("wal")
    parcel = make_parcel(bytearray(orjson.dumps("0x" + bytes(key.key).hex())), await signer.public_key())
    sealed = await signer.seal(org_id, wallet_id, KeyParcels(private_key=parcel))
    await actor.set_balance(key.address, 10**21)
    (slug,) = [row["slug"] for row in orjson.loads(shell.config.networks.read_bytes())] if shell.config.networks else [""]
    wallet = Wallet(
        id=wallet_id,
        created_at=now,
        updated_at=now,
        org_id=org_id,
        name="Benchmark",
        address=key.address,
        wallet_type=WalletType.PRIVATE_KEY,
        network=slug,
        sealed_key=sealed.envelope,
        created_by="usr_benchmark",
        opening=Opening.DONE,
    )
    await wallet.insert()
    await OrganizationPolicy.find({"org_id": org_id}).delete()
    policy = PaymentPolicy(payees=Payees.ANY, approvals_required=0)
    await OrganizationPolicy(id=org_id, org_id=org_id, created_at=now, policy=policy, updated_at=now).insert()
    return wallet


async def _approve(wallet: Wallet, chain_id: int, count: int) -> datetime:
    """All at one moment, as they stand after the last approval."""
    now = datetime.now(UTC)
    rows = []
    for number in range(count):
        to = checksummed(f"0x{number + 2**159:040x}")
        row = Payment(
            id=new_id("pay"),
            created_at=now,
            updated_at=now,
            org_id=wallet.org_id,
            origin=Origin(kind="manual", id=f"benchmark {number}"),
            kind=PaymentKind.TRANSFER,
            way=Way.SIGNER,
            network=wallet.network,
            chain_id=chain_id,
            wallet_id=wallet.id,
            from_address=wallet.address,
            payee_address=to,
            asset="ETH",
            decimals=18,
            raw_amount=str(WEI),
            amount=Decimal("0.000001"),
            call=transfer_call(to, WEI, None),
            value=Decimal("0.003"),
            value_currency="USD",
            prepared_by="usr_benchmark",
            state=PaymentState.APPROVED,
            approved_at=now,
            due_at=now,
        )
        row.payload_hash = digest(row)
        rows.append(row)
    await Payment.insert_many(rows)
    return now


async def _sent(wallet: Wallet, count: int) -> list[datetime]:
    deadline = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < deadline:
        query = {"org_id": wallet.org_id, "from_address": wallet.address, "first_sent_at": {"$type": "date"}}
        if await PaymentAttempt.find(query).count() >= count:
            return [row.first_sent_at for row in await PaymentAttempt.find(query).to_list() if row.first_sent_at and row.number == 0]
        await asyncio.sleep(0.5)
    raise SystemExit(f"not all were sent within {WAIT_S_MAX} s")


async def _confirmed(wallet: Wallet, count: int, since: datetime) -> float:
    deadline = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < deadline:
        query = {"org_id": wallet.org_id, "from_address": wallet.address, "state": PaymentState.CONFIRMED}
        if await Payment.find(query).count() >= count:
            return (datetime.now(UTC) - since).total_seconds()
        await asyncio.sleep(0.5)
    raise SystemExit(f"not all were confirmed within {WAIT_S_MAX} s")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--payments", type=int, default=1_000)
    figures = await measure(parser.parse_args().payments)
    for name, value in figures.items():
        sys.stdout.write(f"{name:28} {value}\n")
    sys.stdout.write(json.dumps({"benchmark": "payments", **figures}) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
