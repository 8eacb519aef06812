"""Charts that were made before an account came into the default one."""

from datetime import UTC, datetime

from crypto_api.kit.ids import new_id
from crypto_api.ledger import service, store
from crypto_api.ledger.documents import Account
from crypto_api.ledger.types import DEFAULT_CHART, AccountCode, AccountType
from crypto_api.migrations import MIGRATIONS
from crypto_api.runtime import Runtime
from mongodb_config.migrations import COLLECTION, deploy

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


async def test_older_charts_get_cash_at_bank_and_what_an_organisation_made_of_the_code_stays(runtime: Runtime) -> None:
    older, own, new = sorted(new_id("org") for _ in range(3))
    for org_id in (older, own, new):
        await runtime.uow.run(lambda session, org_id=org_id: service.create_chart(session, org_id, NOW))  # type: ignore[misc]
    collection = runtime.database[Account.Settings.name]
    await collection.delete_one({"_id": store.account_id(older, AccountCode.CASH), "org_id": older})
    await collection.update_one(
        {"_id": store.account_id(own, AccountCode.CASH), "org_id": own},
        {"$set": {"name": "Loan", "account_type": AccountType.LIABILITY, "version": 3}},
    )
    before = {org_id: await store.accounts(org_id) for org_id in (own, new)}

    await runtime.database[COLLECTION].delete_many({})  # it was made before there were migrations
    report = await deploy(runtime.database.client, runtime.database.name, [Account], migrations=MIGRATIONS, verify=True)

    assert report.migrations == [f"{row.number} {row.name}" for row in MIGRATIONS]
    (added,) = await store.accounts(older, {AccountCode.CASH})
    assert (added.name, added.account_type, added.parent_code, added.active, added.version) == ("Cash at bank", AccountType.ASSET, "1000", True, 1)
    assert len(await store.accounts(older)) == len(await store.accounts(new))
    assert {org_id: await store.accounts(org_id) for org_id in (own, new)} == before


async def test_older_charts_get_the_account_of_exchanges_with_its_place(runtime: Runtime) -> None:
    """Migration 10: until then a swap had nowhere to stand between its two legs. An account that somebody gave this code stays theirs."""
    older, own = sorted(new_id("org") for _ in range(2))
    for org_id in (older, own):
        await runtime.uow.run(lambda session, org_id=org_id: service.create_chart(session, org_id, NOW))  # type: ignore[misc]
    collection = runtime.database[Account.Settings.name]
    await collection.delete_one({"_id": store.account_id(older, AccountCode.EXCHANGES), "org_id": older})
    theirs = {"name": "Petty cash", "account_type": AccountType.ASSET, "version": 2}
    await collection.update_one({"_id": store.account_id(own, AccountCode.EXCHANGES), "org_id": own}, {"$set": theirs})
    state = runtime.database[COLLECTION]
    await state.update_one({"_id": "schema"}, {"$set": {"position": 9, "fingerprint": ""}}, upsert=True)
    report = await deploy(runtime.database.client, runtime.database.name, [Account], migrations=MIGRATIONS, verify=True)
    assert report.migrations == [f"{row.number} {row.name}" for row in MIGRATIONS[9:]]
    wanted = next(row for row in DEFAULT_CHART if row.code == "1950")
    (added,) = await store.accounts(older, {AccountCode.EXCHANGES})
    assert (added.name, added.account_type, added.parent_code, added.active, added.version) == (
        wanted.name, wanted.account_type, wanted.parent_code, True, 1,
    )  # fmt: skip
    (kept,) = await store.accounts(own, {AccountCode.EXCHANGES})
    assert (kept.name, kept.version) == ("Petty cash", 2)
    again = await deploy(runtime.database.client, runtime.database.name, [Account], migrations=MIGRATIONS, verify=True)
    assert again.migrations == [] and len(await store.accounts(older)) == len(DEFAULT_CHART)
