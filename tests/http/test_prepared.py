"""What a test is given as prepared is what the product makes."""

from typing import Any

from crypto_api.bootstrap import open_runtime
from crypto_api.documents import DOCUMENTS
from crypto_api.migrations import MIGRATIONS
from crypto_api.organizations.types import Role
from mongodb_config.migrations import COLLECTION, deploy
from tests.conftest import ConfigMaker
from tests.factories.databases import Databases
from tests.factories.prepared import Kept, Prepared, Rows
from tests.http.conftest import NETWORK, Person, joining, serve, wallet_body
from tests.tenant_guard import guard


async def founded(kept: Kept, database: str, make_config: ConfigMaker) -> tuple[Rows, dict[str, list[str]]]:
    """Two people and an organisation, as every test here is given them: the rows, and what kinds of rows. They are really there."""
    guard.changes = 0
    prepared = Prepared(kept)
    async with (
        open_runtime(make_config([dict(NETWORK)], mongodb_database=database)) as runtime,
        serve(runtime) as api,
        joining(api, runtime, prepared) as join,
    ):
        ada = await join("ada", founds="Prepared Treasury")
        bob = await join("bob", org_id=ada.org_id, role=Role.AUDITOR)
        rows = await prepared.stored(database)
        kinds: dict[str, list[str]] = {}
        for collection, row_id in rows:
            row = await runtime.database[collection].find_one({"_id": row_id})
            kinds.setdefault(collection, []).append(repr(kind_of(row)))
        assert (await ada.http.post("/api/wallets/", json=wallet_body())).status_code == 201
        assert len((await bob.http.get("/api/wallets/")).json()["items"]) == 1
        assert (await bob.http.post("/api/wallets/", json=wallet_body())).status_code == 403
        assert len(list((runtime.config.log_dir / "mail").glob("*.eml"))) >= 2
    return rows, {collection: sorted(of_one) for collection, of_one in kinds.items()}


def kind_of(value: Any) -> Any:
    """Names and types, and what is not another one each time."""
    if isinstance(value, dict):
        return {key: kind_of(part) for key, part in value.items()}
    if isinstance(value, list):
        return [kind_of(part) for part in value]
    return value if isinstance(value, bool | int | None) else type(value).__name__


async def test_what_is_stored_again_is_what_the_product_stored(
    kept: Kept, databases: Databases, database_name: str, make_config: ConfigMaker
) -> None:
    kept.made.clear()
    rows, kinds = await founded(kept, database_name, make_config)
    assert len(kept.made) == 2
    async with databases.one() as second:
        again, _ = await founded(kept, second, make_config)
    assert dict(again) == dict(rows) and list(again) == list(rows)
    kept.made.clear()
    async with databases.one() as third:
        anew, kinds_anew = await founded(kept, third, make_config)
    assert kinds_anew == kinds
    assert not {at for at in anew if at[0] == "users"} & rows.keys()


async def test_who_followed_an_earlier_one_is_not_stored_beside_a_later_one(
    kept: Kept, databases: Databases, database_name: str, make_config: ConfigMaker
) -> None:
    """Sessions are signed by a key that is one of the rows: who came after the first ada is nobody in the database of the second."""

    async def joined(database: str, *names: str) -> list[Person]:
        guard.changes = 0
        async with (
            open_runtime(make_config([dict(NETWORK)], mongodb_database=database)) as runtime,
            serve(runtime) as api,
            joining(api, runtime, Prepared(kept)) as join,
        ):
            people = [await join(name, founds=f"Of {name}") for name in names]
            assert [(await person.http.get("/api/wallets/")).status_code for person in people] == [200 for _ in people]
            return people

    kept.made.clear()
    first = await joined(database_name, "ada", "eve")
    del kept.made[min(kept.made, key=len)]  # as when its time is over, which is before that of who came later
    async with databases.one() as second:
        (ada,) = await joined(second, "ada")
    async with databases.one() as third:
        later = await joined(third, "ada", "eve")
    assert later[0].user["id"] == ada.user["id"] != first[0].user["id"], "stored again"
    assert later[1].user["id"] != first[1].user["id"]


async def test_after_anything_else_the_product_is_asked_again(kept: Kept, databases: Databases, database_name: str, make_config: ConfigMaker) -> None:
    """A row that is stored again would be older than what it follows."""
    kept.made.clear()
    await founded(kept, database_name, make_config)
    async with databases.one() as second, open_runtime(make_config([dict(NETWORK)], mongodb_database=second)) as runtime:
        guard.changes = 0
        prepared = Prepared(kept)
        async with serve(runtime) as api, joining(api, runtime, prepared) as join:
            ada = await join("ada", founds="Prepared Treasury")
            assert (await ada.http.post("/api/wallets/", json=wallet_body())).status_code == 201
            at = runtime.clock.now()
            bob = await join("bob", org_id=ada.org_id, role=Role.AUDITOR)
            row = await runtime.database["users"].find_one({"_id": bob.user["id"]})
            assert row is not None and row["created_at"] >= at


async def test_migrations_of_one_test_are_not_those_of_the_next(databases: Databases) -> None:
    """The next may deploy with others, or with none, as if nobody had been there."""
    async with databases.one() as first:
        before = await databases.client[first][COLLECTION].find().to_list()
        await databases.client[first][COLLECTION].update_one({}, {"$set": {"position": len(MIGRATIONS), "runs_from": len(MIGRATIONS)}})
        await databases.client[first]["of this test"].insert_one({})
    async with databases.one() as second:
        assert second == first
        assert await databases.client[second][COLLECTION].find().to_list() == before
        assert "of this test" not in await databases.client[second].list_collection_names()
        assert not (await deploy(databases.client, second, DOCUMENTS)).changed


async def test_a_database_with_other_indexes_is_given_to_nobody_else(databases: Databases) -> None:
    async with databases.one() as first:
        await databases.client[first]["wallets"].drop_index("org_latest")
    async with databases.one() as second:
        assert second != first and "org_latest" in await databases.client[second]["wallets"].index_information()
