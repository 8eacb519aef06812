"""Charts that were made before an account came into the default one."""

from datetime import UTC, datetime

from crypto_api.kit.ids import new_id
from crypto_api.ledger import service, store
from crypto_api.ledger.documents import Account
from crypto_api.ledger.types import AccountCode, AccountType
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
