"""Whatever a machine's clock says: what a process writes and judges is told by the time of its database."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from crypto_api.adapters.queue import QUEUE_NAME, JobQueue
from crypto_api.identity.access_tokens import ACCESS_LIFETIME, InvalidToken, Signer, issue, read
from crypto_api.kit.clock import SystemClock, source
from crypto_api.kit.ids import new_id, next_id
from crypto_api.ledger.documents import Account
from crypto_api.ledger.types import AccountCode
from crypto_api.migrations import prepare_database
from crypto_project.embedded.servers import Addresses
from mongodb_config.client import connect
from mongodb_config.leases import DURATION_S, Leases
from mongodb_config.presence import COLLECTION, Presence
from mongodb_config.server_time import AGREES_S, Answer, ServerTime, server_time

THIRTY_DAYS_S = 30 * 86_400.0
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
NOON_S = NOON.timestamp()


class Machine:
    """Its clock, which may be set, and its quartz, which may not."""

    def __init__(self) -> None:
        self.clock_s, self.quartz_s = NOON_S, 1_000.0
        self.process = ServerTime(lambda: self.clock_s, lambda: self.quartz_s)

    def passes(self, seconds: float) -> None:
        self.clock_s, self.quartz_s = self.clock_s + seconds, self.quartz_s + seconds

    def answered(self, told: datetime, took_s: float = 0.01) -> None:
        self.process.take(Answer.of(self.quartz_s - took_s, self.quartz_s, told))

    def off_s(self, right: datetime) -> float:
        return abs((self.process.now() - right).total_seconds())


@pytest.mark.parametrize("wrong_s", [1.0, -1.0, 3_600.0, -3_600.0, THIRTY_DAYS_S, -THIRTY_DAYS_S])
def test_a_clock_that_is_set_wrong_changes_nothing(wrong_s: float) -> None:
    machine = Machine()
    assert machine.process.now() == NOON, "before anything is known the machine's own"
    machine.answered(NOON)
    machine.passes(60)
    assert machine.process.unix_s() == machine.clock_s, "where it agrees it is taken as it is"
    machine.clock_s += wrong_s
    assert machine.off_s(NOON + timedelta(seconds=60)) < 0.02
    assert machine.process.machine_ahead_s() == pytest.approx(wrong_s, abs=0.02)
    machine.passes(30)
    assert machine.off_s(NOON + timedelta(seconds=90)) < 0.02
    machine.clock_s -= wrong_s
    assert machine.process.unix_s() == machine.clock_s and machine.process.machine_ahead_s() == 0.0


def test_a_process_that_begins_with_a_wrong_clock_has_the_right_time_from_its_first_answer_on() -> None:
    machine = Machine()
    machine.clock_s -= THIRTY_DAYS_S
    machine.answered(NOON)
    assert machine.off_s(NOON) < 0.02


def test_the_quicker_answer_counts_and_one_that_contradicts() -> None:
    machine = Machine()
    machine.clock_s += 7.0  # so that nothing but answers tells
    machine.answered(NOON, took_s=0.010)
    machine.answered(NOON - timedelta(seconds=0.2), took_s=2.0)  # it stood still between the question and the answer
    assert machine.off_s(NOON) < 0.01, "a slow answer that may mean the same does not spoil a good one"
    machine.answered(NOON + timedelta(seconds=40), took_s=0.5)
    assert machine.off_s(NOON + timedelta(seconds=40)) < 0.3, "the clock of the database was set: everybody goes with it"
    machine.answered(NOON + timedelta(seconds=40), took_s=0.01)
    assert machine.off_s(NOON + timedelta(seconds=40)) < 0.01
    machine.passes(86_400)
    right = NOON + timedelta(days=1, seconds=40)
    machine.answered(right + timedelta(seconds=3), took_s=0.4)
    assert machine.off_s(right) < 4, "after a day without a question the quartz may be wrong by seconds, and a slow answer is better"


async def test_leases_heartbeats_ids_and_tokens_of_a_process_with_a_wrong_clock(
    addresses: Addresses, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(addresses.mongodb_uri)
    database = client[database_name]
    leases, key = Leases(database), Signer("kid", b"k" * 32)
    monkeypatch.setattr(source, "unix_s", server_time.unix_s)
    async with server_time.followed(client):
        ours = await leases.acquire("follow:x", "machine|space|1|2")
        assert ours is not None
        for wrong_s in (THIRTY_DAYS_S, -THIRTY_DAYS_S, 3_600.0, -9.0):
            monkeypatch.setattr(server_time, "_machine", lambda by_s=wrong_s: time.time() + by_s)
            right = datetime.now(UTC)
            assert abs((SystemClock().now() - right).total_seconds()) < AGREES_S + 5  # however late a loaded machine answers
            assert await leases.acquire("follow:x", "elsewhere|space|3|4") is None, "it is held, whatever this clock says"
            assert await leases.renew(ours) and await leases.held("follow:x")
            row = await database["leases"].find_one({"_id": "follow:x"})
            assert row is not None and row["expires_at"] < right + timedelta(seconds=DURATION_S + 10)
            assert await leases.acquire("follow:mine", "machine|space|1|2") is not None
            token = issue(key, "usr_1", "ses_1", SystemClock().now())
            assert read(key.key, token, right + timedelta(seconds=1)).user_id == "usr_1"
            with pytest.raises(InvalidToken):
                read(key.key, token, right + ACCESS_LIFETIME + timedelta(seconds=10))
        await database[COLLECTION].insert_one({"_id": "elsewhere|space|5|6", "beat_at": datetime.now(UTC), "sessions": []})
        assert await Presence(database).bury_the_dead() == 0, "who beat a moment ago is not dead"
        first = new_id("evt")
        monkeypatch.setattr(server_time, "_machine", lambda: time.time() - THIRTY_DAYS_S)
        assert new_id("evt")[:8] == first[:8], "the first digits are those of some hours"
        assert next_id("evt") < next_id("evt")
        monkeypatch.setattr(server_time, "_machine", lambda: time.time() + THIRTY_DAYS_S)
        await _queued_for_now(addresses.redis_url)
    held = {row["_id"]: row["expires_at"] async for row in database["leases"].find({})}
    assert max(held.values()) < datetime.now(UTC) + timedelta(seconds=DURATION_S + 10), "none outlives the process that had it"
    await client.close()


async def test_what_a_migration_writes_of_the_time_is_the_databases(
    addresses: Addresses, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, name = connect(addresses.mongodb_uri), f"{database_name}_old"
    for clock, at in ((source, "unix_s"), (server_time, "_machine")):
        monkeypatch.setattr(clock, at, lambda: time.time() - THIRTY_DAYS_S)
    try:
        accounts = client[name][str(Account.Settings.name)]
        await accounts.insert_one({"_id": "org_1:1100", "org_id": "org_1", "code": AccountCode.CRYPTO.value, "name": "Crypto", "created_at": NOON})
        await prepare_database(addresses.mongodb_uri, name)
        made = await accounts.find_one({"org_id": "org_1", "code": AccountCode.CASH.value})
        hello = await client.admin.command("hello")
        assert made is not None and abs(made["created_at"] - hello["localTime"].replace(tzinfo=UTC)) < timedelta(minutes=5)
    finally:
        await client.drop_database(name)
        await client.close()


async def _queued_for_now(redis_url: str) -> None:
    """A job is due when workers with a right clock think that it is; else nobody ran it for a month, and of its id no other one could wait."""
    async with JobQueue(redis_url) as queue:
        job_id = f"of a wrong clock {time.time_ns()}"
        assert await queue.put_again("nothing", {}, job_id)
        score_ms = await queue._redis.zscore(QUEUE_NAME, job_id)
        await queue._redis.zrem(QUEUE_NAME, job_id)
        assert abs(score_ms / 1000 - time.time()) < 60
