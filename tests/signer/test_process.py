"""The signer as it runs: `manage.py signer`, its start, its deaths and its end."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.adapters.signer import SignerClient
from crypto_api.kit.signing import KeyParcels, SignerUnavailable
from crypto_api.runtime import Runtime
from crypto_api.wallets.documents import Wallet
from tests.conftest import TEST_MASTER_KEY
from tests.factories import signing as sound
from tests.signer.test_rotation import NEW
from tests.signer.test_signing import store_payment
from tests.signer.test_vault import children

ROOT = Path(__file__).resolve().parents[2]
SLOW = {"cipher": "aes-128-ctr", "cipherparams": {"iv": "00" * 16}, "ciphertext": "00" * 32, "kdf": "scrypt", "mac": "00" * 32,
        "kdfparams": {"n": 2**18, "r": 8, "p": 1, "dklen": 32, "salt": "00"}}  # fmt: skip


@asynccontextmanager
async def process(runtime: Runtime, folder: Path, **env: str) -> AsyncIterator[tuple[SignerClient, asyncio.subprocess.Process]]:
    config = runtime.config
    settings = {"MONGODB_URI": config.mongodb_uri, "MONGODB_DATABASE": config.mongodb_database, "LOG_DIR": str(folder / "logs")}
    settings |= {"SIGNER_SOCKET": str(folder / "run" / "signer.sock"), "MASTER_KEY": TEST_MASTER_KEY}
    bare = {name: value for name, value in os.environ.items() if name != "SECRET_KEY"}  # it needs none
    command = (sys.executable, str(ROOT / "manage.py"), "signer", "--ready-file", str(folder / "ready"))
    child = await asyncio.create_subprocess_exec(*command, env={**bare, **settings, **env}, cwd=folder, stderr=asyncio.subprocess.PIPE)
    try:
        yield SignerClient(folder / "run" / "signer.sock"), child
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def ready(folder: Path, child: asyncio.subprocess.Process) -> int:
    """The process of its vault."""
    async with asyncio.timeout(30):
        while not ((folder / "ready").exists() and (folder / "ready").read_text() == str(child.pid)):
            assert child.returncode is None, "it ended"
            await asyncio.sleep(0.02)
    (vault,) = children(child.pid)
    return vault


async def gone(pid: int) -> None:
    async with asyncio.timeout(60):
        while Path(f"/proc/{pid}").exists() and "Z (zombie)" not in Path(f"/proc/{pid}/status").read_text():
            await asyncio.sleep(0.02)


async def test_it_is_killed_comes_back_under_a_new_master_key_and_signs_the_same_bytes(runtime: Runtime, tmp_path: Path) -> None:
    payment = await store_payment(runtime)
    async with process(runtime, tmp_path) as (signer, child):
        vault = await ready(tmp_path, child)
        first = await signer.sign_payment(sound.ORG, payment.id, f"{payment.id}:0")
        parcel = make_parcel(bytearray(b'"x"'), await signer.public_key())
        keystore = KeyParcels(keystore=orjson.dumps({"version": 3, "crypto": SLOW}).decode(), keystore_password=parcel)
        asked = asyncio.create_task(signer.seal("org_1", "wal_1", keystore))
        async with asyncio.timeout(60):
            while not children(vault):
                await asyncio.sleep(0.005)
        child.kill()
        with pytest.raises(SignerUnavailable):
            await asked
        await gone(vault)
    (tmp_path / "ready").unlink()
    async with process(runtime, tmp_path, MASTER_KEY=NEW, MASTER_KEY_ID="k2", MASTER_KEYS_PREVIOUS=f"k1:{TEST_MASTER_KEY}") as (signer, child):
        vault = await ready(tmp_path, child)
        assert await signer.sign_payment(sound.ORG, payment.id, f"{payment.id}:0") == first
        assert await rotate(runtime, tmp_path) == (0, "1 keys were sealed again under k2, 0 stood under it already")
        row = await Wallet.get("wal_1")
        assert row is not None and row.sealed_key is not None and row.sealed_key["key_id"] == "k2"
        os.kill(vault, signal.SIGKILL)
        assert await asyncio.wait_for(child.wait(), 60) == 1, "without its vault it ends, to be started again"
    log = (tmp_path / "logs" / "security.log").read_text()
    assert log.count('"payment_signed"') == 2 and first.hash in log and first.raw not in log


async def test_told_to_end_it_takes_its_vault_and_its_socket_along(runtime: Runtime, tmp_path: Path) -> None:
    """In the middle of a question, whose asker hears that nobody is there, and asks again later."""
    async with process(runtime, tmp_path) as (signer, child):
        vault = await ready(tmp_path, child)
        parcel = make_parcel(bytearray(b'"x"'), await signer.public_key())
        keystore = KeyParcels(keystore=orjson.dumps({"version": 3, "crypto": SLOW}).decode(), keystore_password=parcel)
        asked = asyncio.create_task(signer.seal("org_1", "wal_1", keystore))
        async with asyncio.timeout(60):
            while not children(vault):
                await asyncio.sleep(0.005)
        child.send_signal(signal.SIGTERM)
        with pytest.raises(SignerUnavailable):
            await asked
        assert await asyncio.wait_for(child.wait(), 60) == 0
        await gone(vault)
    assert not (tmp_path / "run" / "signer.sock").exists()


async def rotate(runtime: Runtime, folder: Path) -> tuple[int | None, str]:
    """`manage.py rotate_master_key`: how it ended, and its first line."""
    config = runtime.config
    env = {"MONGODB_URI": config.mongodb_uri, "MONGODB_DATABASE": config.mongodb_database, "LOG_DIR": str(folder), "REDIS_URL": config.redis_url}
    env |= {"SIGNER_SOCKET": str(folder / "run" / "signer.sock")}
    command = (sys.executable, str(ROOT / "manage.py"), "rotate_master_key")
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.STDOUT}
    done = await asyncio.create_subprocess_exec(*command, env={**os.environ, **env}, cwd=ROOT, **pipes)
    told, _ = await done.communicate()
    return done.returncode, told.decode().splitlines()[0]


async def test_without_a_key_it_ends_with_one_line(runtime: Runtime, tmp_path: Path) -> None:
    async with process(runtime, tmp_path, MASTER_KEY="short") as (_, child):
        _, told = await asyncio.wait_for(child.communicate(), 120)
    assert child.returncode == 78
    assert [line for line in told.decode().splitlines() if line] == ["CommandError: signer: MASTER_KEY must be 32 bytes in base64"]
