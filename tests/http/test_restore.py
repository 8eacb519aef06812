"""A backup that is older than the chain: whole or refused, and nothing that was sent since is ever sent again."""

import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from crypto_api.bootstrap import open_runtime
from crypto_api.payments.documents import SenderLane
from crypto_api.runtime import Runtime
from crypto_project.management.commands.restore import put_back
from mongodb_config.backup import RESTORING, BadBackup, NotEmpty, read_manifest, refuse_half_restored, restored, write_backup
from mongodb_config.probe import UnfitServer
from tests.factories.paying import ETHER, PayingHouse, stranger
from tests.http.conftest import Person
from tests.http.paying import ada, house, networks, node
from tests.http.test_payments import post, send, shown, told, until_confirmed

__all__ = ["ada", "house", "networks", "node"]  # fixtures


async def empty(runtime: Runtime) -> None:
    for name in await runtime.database.list_collection_names():
        await runtime.database[name].delete_many({})


async def restored_from(runtime: Runtime, file: Path) -> int:
    return await put_back(runtime.uow, runtime.database, runtime.config, file, read_manifest(file))


async def test_what_was_sent_after_the_backup_is_not_sent_again(house: PayingHouse, ada: Person, tmp_path: Path) -> None:
    wallet, _ = await house.wallet()
    to, after = stranger(), stranger()
    file, runtime = tmp_path / "backup.tar", house.runtime
    known = await send(ada, wallet.id, to, "1")  # approved, and not sent yet: the first of this wallet
    manifest = await write_backup(runtime.uow, runtime.database, file)
    assert file.stat().st_mode & 0o777 == 0o600 and manifest.rows > 20
    await house.sweep()
    sent = await until_confirmed(house, ada, known["id"])
    forgotten = await send(ada, wallet.id, after, "2")
    await house.sweep()
    assert (await until_confirmed(house, ada, forgotten["id"]))["state"] == "CONFIRMED"
    assert await house.nonce(wallet.address) == 2

    with pytest.raises(NotEmpty, match="an empty database"):
        await restored_from(runtime, file)
    await empty(runtime)
    assert await restored_from(runtime, file) == 1
    assert (await shown(ada, known["id"]))["state"] == "APPROVED"
    assert await told(await ada.http.get(f"/api/payments/{forgotten['id']}/")) == (404, "not_found")
    await house.follow()
    for _ in range(3):
        await house.sweep()
    held = await shown(ada, known["id"])
    assert (held["state"], held["holds"], await house.nonce(wallet.address)) == ("APPROVED", ["sender_frozen"], 2), "nothing is signed"
    assert "backup" in held["reason"]

    resumed = await post(ada, f"/api/payments/{known['id']}/resume/")
    assert resumed.status_code == 200, resumed.text
    await house.sweep()
    found = await shown(ada, known["id"])
    assert (found["state"], found["hash"]) == ("CONFIRMED", sent["hash"]), "it is the one that the chain has"
    last = await send(ada, wallet.id, stranger(), "1")
    await house.sweep()
    assert (await until_confirmed(house, ada, last["id"]))["state"] == "CONFIRMED"
    assert (await house.ether(to), await house.ether(after), await house.nonce(wallet.address)) == (ETHER, 2 * ETHER, 3)


async def test_a_restore_that_was_broken_off_is_used_by_nobody_and_begun_anew(house: PayingHouse, ada: Person, tmp_path: Path) -> None:
    file, runtime = tmp_path / "backup.tar", house.runtime
    await house.wallet()
    await write_backup(runtime.uow, runtime.database, file)
    rows = await runtime.database["users"].count_documents({})
    await empty(runtime)
    with pytest.raises(RuntimeError, match="broken off"):
        async with restored(runtime.database, file, read_manifest(file)):
            raise RuntimeError("broken off")
    with pytest.raises(UnfitServer, match="restore again"):
        async with open_runtime(runtime.config):
            pass
    await runtime.database["users"].insert_one({"_id": "usr_of_nobody"})
    assert await restored_from(runtime, file) == 1
    assert await runtime.database["users"].count_documents({}) == rows == 1 and await runtime.database[RESTORING].count_documents({}) == 0
    await refuse_half_restored(runtime.database)
    lanes = await SenderLane.find_all().to_list()
    assert [(lane.known_nonce, lane.frozen_reason is not None) for lane in lanes] == [(0, True)]
    indexes = await runtime.database["users"].index_information()
    assert len(indexes) > 2, "what keeps two people from one name is there again"
    assert (await ada.http.get("/api/wallets/")).status_code == 200


async def test_a_file_that_is_not_whole_is_refused_before_anything_is_written(runtime: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    await runtime.database["users"].insert_many(
        [{"_id": f"usr_{number}", "email": f"{number}@x", "username": f"{number}" * 50} for number in range(3)]
    )
    await write_backup(runtime.uow, runtime.database, file)
    with pytest.raises(FileExistsError):
        await write_backup(runtime.uow, runtime.database, file)
    content = file.read_bytes()
    assert read_manifest(file).parts["users"].rows == 3
    found = []
    for at in range(0, len(content), max(1, len(content) // 40)):  # cut off anywhere
        file.write_bytes(content[:at])
        try:
            read_manifest(file)
        except BadBackup:
            found.append(at)
    assert len(found) >= 38, "only the padding at the end of a tar may be missing"
    with tarfile.open(tmp_path / "other.tar", "w") as other, tarfile.open(fileobj=BytesIO(content)) as tar:
        for member in tar.getmembers():
            if member.name != "users.bson.gz":
                other.addfile(member, tar.extractfile(member))
    with pytest.raises(BadBackup, match=r"users\.bson\.gz"):
        read_manifest(tmp_path / "other.tar")
    (tmp_path / "none.tar").write_text("no tar")
    with pytest.raises(BadBackup, match="is no whole backup"):
        read_manifest(tmp_path / "none.tar")
