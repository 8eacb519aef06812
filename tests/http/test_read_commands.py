"""How many commands the reads that are asked for most send to the database, exactly: a loop that asks row by row shows as a number that grows."""

from collections import Counter
from decimal import Decimal

import pytest
from pymongo.monitoring import CommandStartedEvent

from crypto_api.ledger.documents import AccountBalance
from crypto_api.ledger.types import AccountCode
from crypto_api.runtime import Runtime
from mongodb_config.measuring import CommandTimes
from tests.http.conftest import Join

BY_ITSELF = {"signing_keys", "process_presence"}
"""Read or written every few seconds, whoever asks; as the database is asked for its time."""
WHO = 4  # session, person, membership and organisation, each by its key
SENT = {
    "/api/wallets/": WHO + 1,
    "/api/transactions/?limit=50": WHO + 1,
    "/api/payments/?state=PENDING_APPROVAL": WHO + 2,
    "/api/inbox/": WHO + 2,
    "/api/notifications/": WHO + 1,
    "/api/invoices/": WHO + 1,
    "/api/accounts/": WHO + 1,
    "/api/portfolio/": WHO + 5,
    "/api/dashboard/": WHO + 31,
}


async def test_a_read_sends_as_many_commands_as_it_needs_and_no_more_for_more_assets(
    join: Join, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await join("ada", founds="Byron Treasury")
    sent: Counter[str] = Counter()

    def started(_: CommandTimes, event: CommandStartedEvent) -> None:
        asked = event.command.get(event.command_name)
        if asked not in BY_ITSELF and event.command_name != "hello":
            sent[f"{event.command_name} {asked if isinstance(asked, str) else ''}".strip()] += 1

    async def commands(path: str) -> Counter[str]:
        sent.clear()
        answer = await ada.http.get(path)
        assert answer.status_code == 200, answer.text
        return Counter(sent)

    def holds(asset: str) -> AccountBalance:
        sums = {"debit": Decimal(100), "credit": Decimal(0), "quantity": Decimal(2)}
        return AccountBalance(
            id=f"{ada.org_id}|1|-|{asset}", created_at=runtime.clock.now(), org_id=ada.org_id, account_code=AccountCode.CRYPTO, wallet_id=None,
            asset=asset, **sums,
        )  # fmt: skip

    await holds("ETH").insert()
    monkeypatch.setattr(CommandTimes, "started", started)
    found = {path: await commands(path) for path in SENT}
    assert {path: each.total() for path, each in found.items()} == SENT, dict(found["/api/dashboard/"])
    await AccountBalance.insert_many([holds(asset) for asset in ("USDC", "DAI", "WBTC", "LINK")])
    for path in ("/api/portfolio/", "/api/dashboard/"):
        assert await commands(path) == found[path]
    before = (await ada.http.get("/api/dashboard/")).headers["ETag"]
    sent.clear()
    assert (await ada.http.get("/api/dashboard/", headers={"If-None-Match": before})).status_code == 304
    assert sent.total() == SENT["/api/dashboard/"]
