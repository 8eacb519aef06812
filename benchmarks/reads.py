"""What one read computes, kind by kind: the reads of `benchmarks/load/reads.py`, one at a time, on a database that nobody else asks.

    python -m benchmarks.reads [--movements 1000] [--days 30] [--rounds 9] [--each 20] [--folder FOLDER] [--profile KIND]

The application runs in this process, the embedded database (`--sync-on-commit`) in one of its own; no worker runs, so that whatever is computed is
for the reads. An organisation has ten wallets, so many movements over so many days, invoices, payments, notices and items of the inbox. Told are, for
one answer, the commands to the database and the rows that came back, and what each of the two processes computed (proc(5)), as the median of the
rounds: no clock is in these figures, so that other programmes on the machine change them little. The client computes in the process of the
application, some half a millisecond for an answer. `--profile` prints where the application computes for one kind.
"""

import argparse
import asyncio
import cProfile
import logging
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import httpx
import structlog
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from benchmarks.chain import cpu_of
from benchmarks.load.reads import DASHBOARD, MIX
from benchmarks.load.wire import Pool, request
from benchmarks.overview import Bench, dashboard
from crypto_api.bootstrap import open_runtime
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.types import ItemKind
from crypto_api.kit.ids import new_id
from crypto_api.notifications.documents import Notification
from crypto_api.notifications.types import Priority, Topic
from crypto_api.organizations.documents import Organization
from crypto_api.payments.documents import Payment
from crypto_api.payments.rules import transfer_call
from crypto_api.payments.types import Origin, PaymentKind, PaymentState, Way
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets.documents import Wallet
from crypto_project.catalogues import ensure_catalogues
from crypto_project.vendor_assets import ensure_vendor_assets
from mongodb_config.measuring import watchers
from tests.factories.treasury import CHAIN_ID, NETWORK, PASSWORD, address_of
from tests.invoices.issued import invoice, item

UNCHANGED = f"{DASHBOARD} (304)"
SETTINGS = {"SECRET_KEY": "of reads alone: 0123456789abcdef0123456789abcdef", "LIMIT_CALLS": "10000000 per minute"}
"""One person asks for everything here."""
WARMED, INVOICES, PAYMENTS, NOTICES, ITEMS = 5, 40, 8, 60, 12


class Commands(CommandListener):
    """All that were sent, and how many rows came back."""

    def __init__(self) -> None:
        self.sent, self.rows = Counter[str](), 0

    def started(self, event: CommandStartedEvent) -> None:
        collection = event.command.get(event.command_name)
        self.sent[f"{event.command_name} {collection}" if isinstance(collection, str) else event.command_name] += 1

    def succeeded(self, event: CommandSucceededEvent) -> None:
        cursor = event.reply.get("cursor", {})
        self.rows += len(cursor.get("firstBatch", cursor.get("nextBatch", ())))

    def failed(self, event: CommandFailedEvent) -> None: ...


@dataclass
class Cost:
    """Of one kind of read."""

    ours_ms: list[float] = field(default_factory=list)
    database_ms: list[float] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    asked: int = 0
    bytes: int = 0

    @property
    def commands(self) -> float:
        return self.sent.total() / self.asked

    def markdown(self, name: str, share: int | str) -> str:
        computed = f"{statistics.median(self.database_ms):.1f} | {statistics.median(self.ours_ms):.1f}"
        return f"| `{name}` | {share} | {self.commands:.1f} | {self.rows / self.asked:.0f} | {computed} | {self.bytes:,} |"


class Asking:
    """Somebody who is logged in, and the requests of the mix."""

    def __init__(self, pool: Pool, host: str, access: str, transactions: list[str], wallets: list[str]) -> None:
        self.pool, self._host, self._access = pool, host, access
        self._transactions, self._wallets, self._random = transactions, wallets, Random(1)
        self._etag = ""

    async def ask(self, kind: str) -> int:
        """Bytes of the answer. SystemExit where it is none."""
        headers = {"authorization": f"Bearer {self._access}"}
        if kind == UNCHANGED:
            sent = request("GET", DASHBOARD, self._host, **headers, if_none_match=self._etag)
        else:
            path = kind.format(transaction=self._random.choice(self._transactions), wallet=self._random.choice(self._wallets))
            sent = request("GET", path, self._host, **headers)
        answer = await self.pool.ask(sent)
        if answer.status != (304 if kind == UNCHANGED else 200):
            raise SystemExit(f"{kind} answered {answer.status} {answer.body[:300]!r}")
        if kind == DASHBOARD:
            self._etag = answer.headers[b"etag"].decode()
        return len(answer.body)


async def fill_beside(org_id: str, user_id: str, now: Any) -> None:
    """What the history of `benchmarks/overview.py` has none of."""
    if await Notification.find({"org_id": org_id}).count():
        return
    facts: dict[str, Any] = {"org_id": org_id, "created_at": now}
    sold = [invoice(item("Work", "2", "100")).model_copy(update={"id": new_id("inv"), "number": f"INV-{n}", **facts}) for n in range(INVOICES)]
    to = address_of("landlord")
    paid = [
        Payment(
            id=(row_id := new_id("pay")), updated_at=now, origin=Origin(kind="manual", id=row_id), kind=PaymentKind.TRANSFER, way=Way.SIGNER,
            network=NETWORK, chain_id=CHAIN_ID, wallet_id="wal_one", from_address=address_of("Operations"), payee_address=to, payee_name="Landlord",
            asset="ETH", decimals=18, raw_amount="250000000000000000", amount=Decimal("0.25"), call=transfer_call(to, 1, None), value_currency="USD",
            prepared_by=user_id, due_at=None, state=PaymentState.PENDING_APPROVAL, value=Decimal(500), **facts,
        )
        for _ in range(PAYMENTS)
    ]  # fmt: skip
    told = [
        Notification(id=new_id("ntf"), user_id=user_id, topic=Topic.MESSAGES, priority=Priority.NORMAL, title="The books close on Friday",
                     cause=f"message:{number}", expires_at=now + timedelta(days=30), **facts)
        for number in range(NOTICES)
    ]  # fmt: skip
    waiting = [
        InboxItem(id=new_id("inb"), key=new_id("inb"), kind=ItemKind.RECONCILIATION_DIFFERENCE, subject_kind="wallet", subject_id="x",
                  title="A wallet", cause="x", fingerprint="x", updated_at=now, **facts)
        for _ in range(ITEMS)
    ]  # fmt: skip
    for rows in (sold, paid, told, waiting):
        await type(rows[0]).insert_many(rows)  # type: ignore[arg-type]


async def measure(bench: Bench, movements: int, rounds: int, each: int, profiled: str) -> dict[str, Cost]:
    heard = Commands()
    watchers.append(heard)  # type: ignore[arg-type]
    async with bench.servers() as servers, open_runtime(bench.config(servers, movements)) as runtime:
        (organization,) = await Organization.find_all().to_list()
        async with dashboard(runtime):  # the log-in of a page is none of this: its server is
            address = runtime.config.frontend_url
            async with httpx.AsyncClient(base_url=address, timeout=120) as client:
                log_in = (await client.post("/api/auth/login/", json={"username": "ada.okafor", "password": PASSWORD})).raise_for_status().json()
            await fill_beside(organization.id, log_in["user"]["id"], runtime.clock.now())
            transactions = [row.id for row in await Transaction.find({"org_id": organization.id}, limit=200).sort("-_id").to_list()]
            wallets = [row.id for row in await Wallet.find({"org_id": organization.id}).to_list()]
            async with Pool(int(address.rsplit(":", 1)[1])) as pool:
                asking = Asking(pool, address.removeprefix("http://"), log_in["access"], transactions, wallets)
                server = servers.children["mongodb"].pid
                assert server is not None
                return await _rounds(asking, server, heard, rounds, each, profiled)


async def _rounds(asking: Asking, server: int, heard: Commands, rounds: int, each: int, profiled: str) -> dict[str, Cost]:
    found = {kind: Cost() for kind in (*(path for path, _ in MIX), UNCHANGED)}
    for kind in found:
        for _ in range(WARMED):
            await asking.ask(kind)
    if profiled:
        await _profile(asking, profiled, rounds * each)
        return {}
    for number in range(rounds):
        for kind, cost in found.items():
            heard.sent, heard.rows = Counter(), 0
            ours, database = time.process_time(), cpu_of(server)
            for _ in range(each):
                cost.bytes = await asking.ask(kind)
            cost.ours_ms.append(1000 * (time.process_time() - ours) / each)
            cost.database_ms.append(1000 * (cpu_of(server) - database) / each)
            cost.sent, cost.rows, cost.asked = cost.sent + heard.sent, cost.rows + heard.rows, cost.asked + each
        sys.stderr.write(f"round {number + 1} of {rounds}\n")
    return found


async def _profile(asking: Asking, kind: str, times: int) -> None:
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(times):
        await asking.ask(kind)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    pstats.Stats(profile).sort_stats("cumtime").print_stats(90)


def markdown(found: dict[str, Cost]) -> str:
    share = dict(MIX)
    head = ["| read | of a hundred | commands | rows | database, ms | API, ms | bytes |", "|---|---|---|---|---|---|---|"]
    rows = [cost.markdown(kind, share.get(kind, "") if kind != DASHBOARD else "") for kind, cost in found.items()]
    rows[-1] = found[UNCHANGED].markdown(UNCHANGED, share[DASHBOARD])
    asked = [(found[UNCHANGED if kind == DASHBOARD else kind], number / 100) for kind, number in MIX]
    commands, returned = sum(cost.commands * part for cost, part in asked), sum(cost.rows / cost.asked * part for cost, part in asked)
    database, ours = (sum(statistics.median(getattr(cost, name)) * part for cost, part in asked) for name in ("database_ms", "ours_ms"))
    return "\n".join([*head, *rows, f"| **one of the mix** | 100 | **{commands:.1f}** | {returned:.0f} | **{database:.1f}** | **{ours:.1f}** | |"])


def sent(found: dict[str, Cost]) -> str:
    return "\n".join(
        f"{kind}: " + ", ".join(f"{number / cost.asked:.3g} {name}" for name, number in cost.sent.most_common()) for kind, cost in found.items()
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("--movements", 1_000), ("--days", 30), ("--rounds", 9), ("--each", 20)):
        parser.add_argument(name, type=int, default=number)
    parser.add_argument("--folder", type=Path, help="where what was filled is kept for the next run; it has to be there")
    parser.add_argument("--profile", default="")
    given = parser.parse_args()
    os.environ |= SETTINGS
    ensure_vendor_assets()
    ensure_catalogues()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="coffer-bench-") as place:
        bench = Bench(given.folder or Path(place))
        if not (done := bench.folder / f"filled-{given.movements}").exists():
            await bench.fill(given.movements, given.days)
            done.touch()
        found = await measure(bench, given.movements, given.rounds, given.each, given.profile)
    if found:
        print(markdown(found))
        print(f"\n{sent(found)}")


if __name__ == "__main__":
    asyncio.run(main())
