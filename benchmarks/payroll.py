"""A payroll of many people: from the order to every transaction signed and stored, beside signing alone; and payslips as PDF, beside bare reportlab.

    python -m benchmarks.payroll [--people 10000] [--alone] [--slips 300]

On servers, a node, a signer and a worker of its own. `--alone`: everybody at an account that never was, so each is paid by a transaction of their
own (the worst case); else at accounts that there are, so that hundreds share one. Ratios, since the machine is seldom free: how long the signatures
alone take with the key at hand stands beside it, of the same run. And what each process computed: on a machine that others use as well, a clock says
mostly how busy those were.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

from eth_account import Account
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from crypto_api.payments.documents import NonceSlot, PaymentAttempt, SenderLane
from crypto_api.payroll import pdf, service
from crypto_api.payroll.documents import Payout, PayrollStep, Payslip
from crypto_api.payroll.types import Earning, EarningKind, PayMethod, PayoutState, PayslipStatus, RateLock, Share
from mongodb_config.base_document import encoded
from mongodb_config.parts import in_parts
from tests.chaos.house import House, open_house
from tests.chaos.payrolls import Plan, Run

WAIT_S_MAX = 3_600.0
BLOCK_S = 1.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Ordered(Run):
    """Its payslips are approved without the way there, which is not what is measured."""

    async def _approve(self, period_id: str, now: datetime) -> None:
        rows = await Payslip.find({"period_id": period_id}).to_list()
        fixed = {"status": PayslipStatus.APPROVED, "employer": "Employer", "approved_by": "usr_b", "approved_at": now, "functional_currency": "USD"}
        stored = []
        for row in rows:
            shares = [share.model_copy(update={"settles": share.amount}) for share in row.shares]
            money = {"rate": Decimal(1), "booked_net": row.net, "shares": shares, "verify_token": f"{row.id:x>43}"}
            stored.append(encoded(row.model_copy(update=fixed | money)))
        await Payslip.find({"period_id": period_id}).delete()
        for part in in_parts(stored):
            await Payslip.get_pymongo_collection().insert_many(part)
        await self.uow.run(lambda session: service.settle_period(session, self.org, period_id, now))


async def paid(people: int, alone: bool, at_the_end: Callable[[House], None] = lambda _: None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-payroll-") as folder:
        async with open_house(Path(folder)) as house:
            run = Ordered(house, Plan(1, people, ()), WAIT_S_MAX)
            run.all_new = alone
            await run._move_in()
            await run._order()
            planned_s, before = time.monotonic() - run.ordered_at, _computed(house)
            transactions = await PayrollStep.find({"org_id": run.org}).count()
            while await _missing(run.org, run.key.address, transactions):
                house.look()
                await house.actor.mine()
                await asyncio.sleep(BLOCK_S)
            signed_s, after = time.monotonic() - run.ordered_at, _computed(house)
            at_the_end(house)
    raw_s, raw_cpu_s = _raw(transactions)
    computed = {name: after[name] - before[name] for name in after}
    return {
        "people": people,
        "transactions": transactions,
        "order_to_planned_s": round(planned_s, 2),
        "order_to_all_signed_and_stored_s": round(signed_s, 2),
        "signatures_a_second": round(transactions / signed_s, 1),
        "raw_signatures_a_second": round(transactions / raw_s, 1),
        "times_the_raw": round(signed_s / raw_s, 2),
        "computed_for_one_ms": {name: round(1_000 * spent / transactions, 2) for name, spent in computed.items()},
        "computed_times_the_raw": round(sum(computed.values()) / raw_cpu_s, 1),
    }


async def _missing(org_id: str, address: str, transactions: int) -> bool:
    """Whether one is not signed yet. The last one is looked at first: counting thousands each second would be measured as well."""
    lane = await SenderLane.find_one({"address": address})
    last = await NonceSlot.find({"_id": f"{lane.id}:{transactions - 1}"}).count() if lane is not None else 0
    if not last or lane is None or lane.unsigned_from is not None:
        return True
    return await PaymentAttempt.find({"org_id": org_id, "raw": {"$ne": None}}).count() < transactions


def _computed(house: House) -> dict[str, float]:
    """CPU seconds of each process since it began, with those of its children that ended."""
    named = {process.pid: name for name, process in house.processes.items()}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            line = path.read_bytes()
            if str(house.folder).encode() in line and (b"secantusdb" in line or b"mongod" in line):
                named[int(path.parent.name)] = "database"
            elif b"signer.vault" in line and _parent(path.parent) == house.processes["signer"].pid:
                named[int(path.parent.name)] = "vault"
    return {name: sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[11:15])) / _TICKS for pid, name in named.items()}


def _parent(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(") ")[2].split()[1])


def _raw(count: int) -> tuple[float, float]:
    """Signing alone, with the key at hand: seconds of the clock, and computed."""
    key, began, computed = Account.create(), time.monotonic(), time.process_time()
    call = {"to": key.address, "value": 1, "gas": 21_000, "maxFeePerGas": 10**9, "maxPriorityFeePerGas": 1, "chainId": 1}
    for nonce in range(count):
        Account.sign_transaction({**call, "nonce": nonce}, key.key)
    return time.monotonic() - began, time.process_time() - computed


def slips(count: int) -> dict[str, Any]:
    now, day = datetime.now(UTC), date(2026, 11, 30)
    row = Payslip.model_construct(
        id="psl_1", employee_name="Grace Hopper", employer="Byron Treasury", start_date=day, end_date=day, pay_date=day, currency="USD",
        earnings=[Earning(kind=EarningKind.BASIC, name="Basic pay", amount=Decimal("5000.00"))], deductions=[], taxable=Decimal(5000), note="",
        gross=Decimal("5000.00"), tax=Decimal(0), net=Decimal("5000.00"), status=PayslipStatus.PAID,
        hand_paid=[], hand_paid_on=None, hand_reference="",
        shares=[Share(method=PayMethod.CRYPTO, percent=Decimal(100), amount=Decimal("5000.00"), asset="ETH")],
        rates=[RateLock(asset="ETH", rate=Decimal(3000), source="chainlink", priced_at=now, locked_at=now)],
    )  # fmt: skip
    payout = Payout.model_construct(
        place=0,
        raw_amount=str(10**18),
        decimals=18,
        asset="ETH",
        state=PayoutState.PAID,
        address="0x" + "ab" * 20,
        network="ethereum",
        hash="0x" + "cd" * 32,
    )
    sheet = pdf.Sheet(row, [payout], "https://coffer.example.com/payslips/verify/" + "x" * 43 + "/", "0x" + "ab" * 20, "0x" + "ef" * 65)
    pdf.write_pdf(sheet)  # fonts are read once
    began = time.monotonic()
    for _ in range(count):
        pdf.write_pdf(sheet)
    ours = count / (time.monotonic() - began)
    began = time.monotonic()
    for _ in range(count):
        _bare()
    bare = count / (time.monotonic() - began)
    return {"payslips_a_second": round(ours, 1), "bare_reportlab_a_second": round(bare, 1)}


def _bare() -> bytes:
    """The same number of lines of text in a standard font, drawn straight on the page: no tables, no fonts embedded, no code."""
    out = BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for line in range(24):
        canvas.drawString(60, 780 - 20 * line, f"Line {line} of a payslip, 5,000.00 USD")
    canvas.save()
    return out.getvalue()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--slips", type=int, default=300)
    options = parser.parse_args()
    figures = slips(options.slips) | (await paid(options.people, options.alone) if options.people else {})
    for name, value in figures.items():
        sys.stdout.write(f"{name:36} {value}\n")
    sys.stdout.write(json.dumps({"benchmark": "payroll", **figures}) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
