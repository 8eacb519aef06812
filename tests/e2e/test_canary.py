"""A key that was given to a whole installation, and used, is nowhere afterwards: not stored, not written, not in the memory of API and workers."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from beanie import init_beanie
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from eth_account import Account
from hexbytes import HexBytes
from redis.asyncio import Redis

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.adapters.signer import SignerClient
from crypto_api.documents import DOCUMENTS
from crypto_api.kit.signing import SignedBytes
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.wallets.documents import Wallet
from crypto_project.demo import cast
from crypto_project.shell import Shell
from mongodb_config.client import connect
from tests.e2e.conftest import Installation
from tests.factories import signing as sound
from tests.factories.process_memory import written_memory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RAW = CodecOptions(document_class=RawBSONDocument)
TEMPORARY = Path("/tmp")  # noqa: S108  looked through, not written to


def forms(key: bytes) -> list[bytes]:
    """In which a key may be found again."""
    digits = key.hex()
    return [key, digits.encode(), digits.upper().encode(), digits.encode("utf-16-le"), str(key).encode()[2:-1]]


@dataclass
class House:
    installation: Installation
    http: httpx.AsyncClient

    @property
    def shell(self) -> Shell:
        return self.installation.shell


@pytest.fixture
async def house(installation: Installation) -> AsyncIterator[House]:
    """Somebody of the sample organisation who has no wallets of their own yet."""
    person = cast.STAFF[0]
    async with httpx.AsyncClient(base_url=installation.shell.base_url, timeout=60) as http:
        told = (await http.post("/api/auth/login/", json={"email": person.email, "password": person.password})).json()
        http.headers["Authorization"] = f"Bearer {told['access']}"
        yield House(installation, http)


async def add(house: House, **body: Any) -> httpx.Response:
    default = {"name": "Canary", "wallet_type": "private_key", "network": "local", "monitoring_enabled": False}
    return await house.http.post("/api/wallets/", json=default | body)


async def signed_with(house: House, wallet: dict[str, Any]) -> SignedBytes:
    """A payment from it, stored as the payment worker stores it, small enough to need no approval."""
    client = connect(house.shell.addresses.mongodb_uri)
    try:
        await init_beanie(database=client[house.shell.config.mongodb_database], document_models=DOCUMENTS, skip_indexes=True)
        found = await Wallet.get(wallet["id"])
        assert found is not None
        policy = PaymentPolicy(payees=Payees.ANY, approval_free_max=Decimal(100))
        await OrganizationPolicy.find({"_id": found.org_id, "org_id": found.org_id}).delete()
        await OrganizationPolicy(id=found.org_id, org_id=found.org_id, created_at=sound.NOW, policy=policy, updated_at=sound.NOW).insert()
        of = {"org_id": found.org_id, "wallet_id": found.id, "from_address": found.address, "value": Decimal(5), "due_at": None, "approvals": []}
        paid = sound.payment(id="pay_canary", **of)
        for row in (paid, sound.attempt(paid), sound.slot(paid)):
            await row.insert()
        return await SignerClient(house.shell.config.signer_socket).sign_payment(found.org_id, paid.id, f"{paid.id}:0")
    finally:
        await client.close()


async def test_a_key_that_came_in_and_signed_is_nowhere(house: House) -> None:
    keys = [secrets.token_bytes(32) for _ in range(6)]
    added = await add(house, private_key="0x" + keys[0].hex())
    assert added.status_code == 201
    signed = await signed_with(house, added.json())
    assert str(Account.recover_transaction(HexBytes(signed.raw))) == Account.from_key(keys[0]).address == added.json()["address"]
    assert (await add(house, private_key=keys[1].hex().upper())).status_code == 201
    parcel = make_parcel(bytearray(orjson.dumps(keys[2].hex())), await SignerClient(house.shell.config.signer_socket).public_key())
    assert (await add(house, private_key=parcel)).status_code == 201
    await send_in_pieces(house, keys[3])
    keys.append(password := secrets.token_bytes(32))  # of a keystore: its digits are looked for as those of a key
    keystore = Account.encrypt(secrets.token_bytes(32), password.hex(), kdf="pbkdf2", iterations=1000)
    assert (await add(house, keystore=keystore, keystore_password=password.hex())).status_code == 201
    refused = await add(house, private_key=keys[4].hex() + "zz", name=7)
    assert refused.status_code == 422
    half = b'{"private_key": "' + keys[5].hex().encode()
    malformed = await house.http.post("/api/wallets/", content=half, headers={"Content-Type": "application/json"})
    assert malformed.status_code == 400
    told = refused.content + malformed.content + (await house.http.get("/api/wallets/")).content
    wanted = {f"key {number}, form {index}": form for number, key in enumerate(keys) for index, form in enumerate(forms(key))}
    assert [name for name, form in wanted.items() if form in told] == []
    assert [hit async for hit in found_in_database(house, wanted)] == []
    assert list(found_in_files(house, wanted)) == []
    assert await found_in_valkey(house, wanted) == []
    await _nobody_remembers(house, wanted)


async def _nobody_remembers(house: House, wanted: dict[str, bytes]) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may look into the memory of other processes: all else is looked through")
    pids = {name: pid for name, pid in house.shell.pids.items() if name in ("api", "follower", "relay", "jobs", "signer")}
    assert pids.keys() == {"api", "follower", "relay", "jobs", "signer"}
    hits = await asyncio.to_thread(lambda: [f"{name}: {hit}" for name, pid in pids.items() for hit in found_in_memory(pid, wanted)])
    assert hits == []
    own = house.http.headers["Authorization"].split()[1].encode()[-40:]
    assert list(found_in_memory(os.getpid(), {"token": own})) == ["token"], "what is there is found"


async def send_in_pieces(house: House, key: bytes) -> None:
    """As a slow client sends it: the key in the middle of two reads."""
    body = orjson.dumps({"name": "Pieces", "wallet_type": "private_key", "network": "local", "private_key": "0x" + key.hex()})
    middle = body.index(key.hex().encode()) + 30
    head = (
        f"POST /api/wallets/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: {house.http.headers['Authorization']}\r\nConnection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", house.shell.port)
    for part in (head.encode(), body[:middle], body[middle:]):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.05)
    assert b" 201 " in (await reader.read()).splitlines()[0]
    writer.close()


def found_in_memory(pid: int, wanted: dict[str, bytes]) -> Iterator[str]:
    """Everything that the process may write to."""
    found: set[str] = set()
    for held in written_memory(pid):
        found |= {name for name, form in wanted.items() if form in held}
    yield from sorted(found)


async def found_in_database(house: House, wanted: dict[str, bytes]) -> AsyncIterator[str]:
    client = connect(house.shell.addresses.mongodb_uri)
    try:
        database = client[house.shell.config.mongodb_database]
        for name in await database.list_collection_names():
            async for row in database[name].with_options(codec_options=RAW).find({}):
                raw = bytes(row.raw)
                for what, form in wanted.items():
                    if form in raw:
                        yield f"{name}: {what}"
    finally:
        await client.close()


def found_in_files(house: House, wanted: dict[str, bytes]) -> Iterator[str]:
    """The database's own files, logs, mails, and whatever lies in the folder for temporary files since this began."""
    began = (house.shell.data_dir / "master_key").stat().st_mtime
    ours = [path for folder in (house.shell.data_dir, house.shell.log_dir) for path in folder.rglob("*")]
    for path in (*ours, *TEMPORARY.iterdir()):
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink() and path.stat().st_mtime >= began:
                held = path.read_bytes()
                yield from (f"{path}: {what}" for what, form in wanted.items() if form in held)


async def found_in_valkey(house: House, wanted: dict[str, bytes]) -> list[str]:
    redis = Redis.from_url(house.shell.addresses.redis_url)
    try:
        dumps = [await redis.dump(name) or b"" async for name in redis.scan_iter()]
    finally:
        await redis.aclose()
    return [what for what, form in wanted.items() if any(form in held for held in dumps)]
