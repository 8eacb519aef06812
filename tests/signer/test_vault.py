"""The process with the keys: what it opens, that its children end, and what is told when one does not answer."""

import asyncio
import os
import signal
import subprocess
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import orjson
import pytest

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.kit.signing import IntakeKey
from signer.vault_link import VaultFault, VaultLink, VaultUnfit
from tests.factories.signer import Signing

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"


def parcel(value: object, to: IntakeKey) -> str:
    return make_parcel(bytearray(orjson.dumps(value)), to)


async def seal(vault: VaultLink, sealed: str) -> dict[str, Any]:
    return await vault.use("seal", org_id="o", wallet_id="w", private_key=sealed)


@pytest.mark.parametrize(
    "value", ["", "0x", KEY[:-1], KEY + "0", "0X" + KEY, f" {KEY}", "0" * 64, ORDER, "f" * 64, 17, None, True, [KEY], {"k": KEY}, "\uff10" * 64]
)
async def test_what_is_no_private_key_is_told_as_such(signing: Signing, value: object) -> None:
    told = await seal(signing.vault, parcel(value, signing.vault.intake))
    assert [row[0] + ":" + row[2] for row in told["invalid"]] == ["private_key:invalid_key"]
    assert str(value) == "" or str(value) not in str(told) or value in (None, True, 17, "0x")


async def test_a_parcel_that_was_altered_or_is_anothers_does_not_open(signing: Signing) -> None:
    vault = signing.vault
    good = parcel(KEY, vault.intake)
    header, _, nonce, text, tag = good.split(".")
    bad = [
        "", "a", "....", "a.b.c.d.e", f"{header}..{nonce}.{text}", f"{header}.AA.{nonce}.{text}.{tag}", f"{header}..{nonce}.{text}.{tag}.x",
        f"{header}..{nonce}.{text}.{tag[:-2]}", f"{header}..{nonce[:-2]}.{text}.{tag}", f"{header}..{nonce}.{text[:-2]}.{tag}",
        f"{header}..{nonce}.{text}.{'A' * 22}", f"{header}..{nonce}.{tag}.{text}", f"{header}..{nonce}.{text}+.{tag}",
        parcel(KEY, vault.intake).split(".")[0] + f"..{nonce}.{text}.{tag}",
    ]  # fmt: skip
    told_header = orjson.loads(_raw(header))
    altered = (
        {"alg": "none"}, {"alg": "dir"}, {"alg": "ECDH-ES+A256KW"}, {"enc": "A128GCM"}, {"zip": "DEF"}, {"crit": ["exp"]}, {"apu": "AA"}, {"epk": {}},
        {"epk": {**told_header["epk"], "crv": "P-384"}}, {"epk": {**told_header["epk"], "d": "AA"}},
        {"epk": {**told_header["epk"], "y": "AA"}}, {"epk": 5},
    )  # fmt: skip
    bad += [f"{_text(orjson.dumps({**told_header, **changes}))}..{nonce}.{text}.{tag}" for changes in altered]
    for each in bad:
        assert [row[2] for row in (await seal(vault, each))["invalid"]] == ["not_sealed"], each
    other = f"{_text(orjson.dumps({**told_header, 'kid': 'x'}))}..{nonce}.{text}.{tag}"
    assert [row[2] for row in (await seal(vault, other))["invalid"]] == ["stale_seal"]
    assert "result" in await seal(vault, good)


def _raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "==")


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_the_intake_key_survives_a_restart_and_follows_from_the_master_key(signing: Signing) -> None:
    env = {**os.environ, "MASTER_KEY": b64encode(bytes(range(32))).decode()}
    async with VaultLink(env) as again, VaultLink(env | {"MASTER_KEY": b64encode(bytes(32)).decode()}) as other:
        assert again.intake == signing.vault.intake
        assert other.intake != signing.vault.intake


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"MASTER_KEY": ""}, "MASTER_KEY must be 32 bytes"),
        ({"MASTER_KEY": "bm90IDMyIGJ5dGVz"}, "MASTER_KEY must be 32 bytes"),
        ({"MASTER_KEYS_PREVIOUS": "k0"}, "MASTER_KEYS_PREVIOUS must be"),
        ({"MASTER_KEYS_PREVIOUS": "k0:AAAA"}, "MASTER_KEYS_PREVIOUS must be"),
    ],
)
async def test_without_a_usable_key_it_does_not_start_and_says_why(env: dict[str, str], why: str) -> None:
    with pytest.raises(VaultUnfit, match=why) as told:
        async with VaultLink({**os.environ, "MASTER_KEY": b64encode(bytes(32)).decode(), **env}):
            pass
    assert all(value not in str(told.value) for value in env.values() if value)


@pytest.fixture
def vault(signing: Signing) -> VaultLink:
    return signing.vault


async def test_every_use_has_a_child_of_its_own_that_ends(vault: VaultLink) -> None:
    sealed = [parcel(KEY, vault.intake) for _ in range(20)]
    told = await asyncio.gather(*(seal(vault, each) for each in sealed))
    assert {row["result"]["address"] for row in told} == {"0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"}
    async with asyncio.timeout(60):
        while children(vault.pid):
            await asyncio.sleep(0.01)


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


async def test_a_child_that_is_killed_is_told_and_the_next_one_answers(vault: VaultLink) -> None:
    """A keystore takes a second: time enough."""
    crypto = {"cipher": "aes-128-ctr", "cipherparams": {"iv": "00" * 16}, "ciphertext": "00" * 32, "kdf": "scrypt", "mac": "00" * 32}
    keystore = {"version": 3, "crypto": {**crypto, "kdfparams": {"n": 2**18, "r": 8, "p": 1, "dklen": 32, "salt": "00"}}}
    before = children(vault.pid)  # which are about to end
    asked = asyncio.create_task(
        vault.use("seal", org_id="o", wallet_id="w", keystore=orjson.dumps(keystore).decode(), keystore_password=parcel("x", vault.intake))
    )
    async with asyncio.timeout(60):
        while not (found := children(vault.pid) - before):
            await asyncio.sleep(0.005)
    os.kill(found.pop(), signal.SIGKILL)
    with pytest.raises(VaultFault, match="ended"):
        await asked
    assert "result" in await seal(vault, parcel(KEY, vault.intake))


async def test_a_vault_that_is_killed_is_noticed() -> None:
    async with VaultLink({**os.environ, "MASTER_KEY": b64encode(bytes(32)).decode()}) as vault:
        os.kill(vault.pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            await vault.gone.wait()
        with pytest.raises(VaultFault):
            await seal(vault, parcel(KEY, vault.intake))


async def test_it_tells_nothing_but_what_it_was_made_for(vault: VaultLink) -> None:
    for what in ("open", "export", "key", "__init__"):
        with pytest.raises(VaultFault):
            await vault.use(what, org_id="o", wallet_id="w", address="0x", envelope={})


async def test_its_memory_is_closed_and_it_leaves_no_core(vault: VaultLink) -> None:
    status = Path(f"/proc/{vault.pid}/limits").read_text()
    assert [line.split()[4] for line in status.splitlines() if line.startswith("Max core file size")] == ["0"]
    assert Path(f"/proc/{vault.pid}/mem").stat().st_uid == 0, "not dumpable: its files belong to root"
    if os.geteuid() == 0:
        tried = subprocess.run(
            ["setpriv", "--reuid", "65534", "--clear-groups", "cat", f"/proc/{vault.pid}/environ"], capture_output=True, check=False
        )
        assert tried.returncode != 0
