"""The short form of `python -m benchmarks.load`: what has to be true however much is asked, and no time at all."""

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest

from benchmarks.load.money import Payers, chain_holds, looked_up
from benchmarks.load.target import Target
from benchmarks.load.traffic import Traffic
from crypto_api.audit.documents import AuditRecord
from crypto_api.flows.seal_audit_log import seal_pass
from crypto_api.payments.documents import Payment
from crypto_api.runtime import Runtime
from crypto_project import admission
from crypto_project.asgi import unguarded
from crypto_project.edge import guarded
from mongodb_config.client import connect
from tests.factories.paying import ETHER, ONE_APPROVAL, PayingHouse
from tests.http.conftest import Person, serve
from tests.http.paying import ada, house, networks, node

__all__ = ["ada", "house", "networks", "node"]  # fixtures
RUNNING_MAX, WAITING_MAX = 2, 3
READS = ("/api/wallets/", "/api/payments/", "/api/accounts/")


@pytest.fixture
async def target(runtime: Runtime, ada: Person) -> AsyncIterator[Target]:
    """The API with little room, however quick the machine is."""
    app = guarded(unguarded, running_max=RUNNING_MAX, waiting_max=WAITING_MAX)
    async with serve(runtime, app) as url:
        client = connect(runtime.config.mongodb_uri)
        yield Target(int(url.rpartition(":")[2]), ada.org_id, client[runtime.config.mongodb_database], ada.tokens["access"])
        await client.close()


async def test_money_under_load_is_neither_lost_nor_paid_twice(runtime: Runtime, house: PayingHouse, target: Target) -> None:
    await house.policy(ONE_APPROVAL)
    wallet, _ = await house.wallet(wei=10**6 * ETHER)
    payers = Payers(target, wallet.id, "short")
    async with target.pool(12) as pool:
        figures = await Traffic(pool, payers.source, payers.heard).clients(12, 24.0, 2.0)
        assert not figures.failed, f"nothing but answers, and words when to come again: {figures.statuses}"
        assert all(sample.says_when for sample in figures.shed)
        for key in list(payers.kept.asked):  # whoever was sent away sends the same once more, and so does whoever was not
            await pool.ask(payers.request(key))
        books = await looked_up(target, payers, pool)
        assert books.right and books.acknowledged == books.replayed > 0, books
        assert await Payment.find({"org_id": target.org_id}).count() == len(payers.kept.asked), "each that was asked for, once"
        while await seal_pass(runtime.uow, runtime.clock):
            pass
        assert await chain_holds(target, pool)


async def test_a_flood_is_answered_or_told_when_to_come_again_and_leaves_nothing_behind(
    house: PayingHouse, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "STANDING_WAIT_S", 60)  # on a slow machine everybody would have waited too long
    await house.wallet()
    records = await AuditRecord.find({"org_id": target.org_id}).count()
    async with target.pool(60) as pool:
        answers = await asyncio.gather(*(pool.ask(target.get(READS[number % 3])) for number in range(60)))
        away = [answer for answer in answers if answer.status != 200]
        assert 0 < len(away) < 60 and len(answers) - len(away) >= RUNNING_MAX + WAITING_MAX
        for answer in away:
            assert (answer.status, orjson.loads(answer.body)["code"]) == (503, "overloaded")
            assert answer.headers[b"retry-after"] == str(admission.RETRY_AFTER_S).encode() and answer.headers[b"x-request-id"]
        health = await asyncio.gather(*(pool.ask(target.get("/api/system/health/")) for _ in range(20)))
        assert {answer.status for answer in health} <= {200, 503} and not any(b"overloaded" in answer.body for answer in health)
        calm = [await pool.ask(target.get(path)) for path in READS]
        assert [answer.status for answer in calm] == [200] * 3, "afterwards it is as before"
    assert await AuditRecord.find({"org_id": target.org_id}).count() == records, "who was sent away did nothing"
