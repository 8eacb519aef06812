"""A new master key: what the one before sealed still opens and signs, until all of it is sealed anew."""

from base64 import b64encode
from pathlib import Path

import orjson
import pytest

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.adapters.key_sealing import KeySealer, SealBroken
from crypto_api.adapters.signer import SignerClient
from crypto_api.audit.documents import AuditRecord
from crypto_api.flows.rewrap_keys import Rewrapped, rewrap_keys
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.signing import KeyParcels, SignedBytes, SigningRefused
from crypto_api.runtime import Runtime
from crypto_api.wallets.documents import Wallet
from tests.conftest import TEST_MASTER_KEY
from tests.factories import signing as sound
from tests.factories.signer import Signing, StillClock, signing_desk
from tests.signer.test_signing import store_payment

NEW = b64encode(bytes(range(50, 82))).decode()
ROTATED = {"MASTER_KEY_ID": "k2", "MASTER_KEYS_PREVIOUS": f"k1:{TEST_MASTER_KEY}"}


async def sign(signer: SignerClient) -> SignedBytes:
    return await signer.sign_payment(sound.ORG, "pay_1", "pay_1:0")


async def test_it_opens_signs_and_is_sealed_anew_as_often_as_it_is_asked(runtime: Runtime, signing: Signing, tmp_path: Path) -> None:
    await store_payment(runtime)
    parcel = make_parcel(bytearray(orjson.dumps("0x" + "77" * 32)), await runtime.signer.public_key())  # under way while the key changes
    envelope = await runtime.signer.seal(sound.ORG, "wal_gone", KeyParcels(private_key=parcel))
    gone = sound.wallet(id="wal_gone", address=envelope.address, sealed_key=envelope.envelope, active=False)
    torn = sound.wallet(id="wal_torn", address=sound.APPROVER.address, sealed_key=envelope.envelope)
    watched = sound.wallet(id="wal_watched", address=sound.PAYEE, sealed_key=None)
    for row in (gone, torn, watched):
        await row.insert()
    async with signing_desk(tmp_path, NEW, **ROTATED) as desk:
        desk.clock.current = StillClock(sound.NOW)
        signer = SignerClient(desk.socket)
        assert (await signer.public_key()).kid != signing.vault.intake.kid
        before = await sign(signer)
        assert (await signer.seal("org_x", "wal_x", KeyParcels(private_key=parcel))).envelope["key_id"] == "k2"
        first = await rewrap_keys(runtime.uow, runtime.clock, signer, [sound.ORG, "org_empty"])
        assert (first.done, first.before, [row.split(":")[0] for row in first.broken]) == (2, 0, ["wal_torn"])
        again = await rewrap_keys(runtime.uow, runtime.clock, signer, [sound.ORG])
        assert (again.done, again.before, len(again.broken)) == (0, 2, 1)
    async with signing_desk(tmp_path / "later", NEW, MASTER_KEY_ID="k2") as desk:
        desk.clock.current = StillClock(sound.NOW)
        signer = SignerClient(desk.socket)
        assert await sign(signer) == before
        with pytest.raises(InvalidInput) as refused:
            await signer.seal("org_x", "wal_x", KeyParcels(private_key=parcel))
        assert refused.value.errors[0].code == "stale_seal"
    assert await AuditRecord.find({"org_id": sound.ORG, "action": "wallet.key_rewrapped"}).count() == 2


async def test_what_has_no_key_is_not_sealed_anew_and_neither_is_anothers(runtime: Runtime) -> None:
    await store_payment(runtime)
    await sound.wallet(id="wal_watched", address=sound.PAYEE, sealed_key=None).insert()
    for org_id, wallet_id in ((sound.ORG, "wal_watched"), (sound.ORG, "wal_none"), ("org_other", "wal_1")):
        with pytest.raises(SigningRefused, match="There is no such"):
            await runtime.signer.rewrap(org_id, wallet_id)


async def test_an_envelope_that_changed_meanwhile_is_left_alone(runtime: Runtime) -> None:
    await sound.wallet(sealed_key={"key_id": "k0", "wrapped_key": "a", "ciphertext": "b"}).insert()

    class Late:
        async def rewrap(self, org_id: str, wallet_id: str) -> dict[str, str]:
            await Wallet.find_one({"_id": wallet_id, "org_id": org_id}).update({"$set": {"sealed_key.wrapped_key": "another's"}})
            return {"key_id": "k2", "wrapped_key": "c", "ciphertext": "d"}

    assert await rewrap_keys(runtime.uow, runtime.clock, Late(), [sound.ORG]) == Rewrapped()
    row = await Wallet.get("wal_1")
    assert row is not None and row.sealed_key == {"key_id": "k0", "wrapped_key": "another's", "ciphertext": "b"}


def test_previous_keys_open_and_never_seal() -> None:
    of = {"org_id": "org_1", "wallet_id": "wal_1", "address": sound.PAYEE}
    old, new = KeySealer(TEST_MASTER_KEY, "k1"), KeySealer(NEW, "k2", {"k1": TEST_MASTER_KEY})
    assert new.open(old.seal(b"s" * 32, **of), **of) == b"s" * 32
    sealed = new.seal(b"s" * 32, **of)
    assert sealed["key_id"] == "k2"
    for key_id in ("k1", "k3"):  # the id is part of what is bound
        with pytest.raises(SealBroken):
            new.open(sealed | {"key_id": key_id}, **of)
