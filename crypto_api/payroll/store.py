"""Every query of the slice."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from pymongo import ReturnDocument, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from crypto_api.kit.paging import Page, PageRequest
from crypto_api.payroll.documents import Payout, PayProfile, PayrollPeriod, PayrollStep, Payslip, StatementKey, TaxTable
from crypto_api.payroll.errors import PayslipExists, PeriodExists
from crypto_api.payroll.types import PayoutState, PayrollStatus, PayslipLine, PayslipStatus, StepKind
from mongodb_config import pages
from mongodb_config.base_document import TenantDocument, encoded
from mongodb_config.parts import in_parts
from mongodb_config.unit_of_work import Session

Row = dict[str, Any]
DUPLICATE_KEY = 11_000
UNPAID_MAX = 20
Kind = TypeVar("Kind", bound=TenantDocument)


def midnight(day: date) -> datetime:
    """As a date stands in the database."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


async def change(session: Session, before: Kind, after: Kind) -> Kind | None:
    """Compare-and-set on the version: None when it is another by now. What `after` has otherwise than `before` is written. PeriodExists."""
    was, became = encoded(before), encoded(after)
    changes = {name: value for name, value in became.items() if was[name] != value and name not in ("_id", "version")}
    query = {"_id": before.id, "org_id": before.org_id, "version": was["version"]}
    collection = type(before).get_pymongo_collection()
    try:
        row: Row | None = await collection.find_one_and_update(
            query, {"$set": changes, "$inc": {"version": 1}}, return_document=ReturnDocument.AFTER, session=session
        )
    except DuplicateKeyError as error:
        raise PeriodExists from error
    return type(before).model_validate(row) if row else None


# ---- profiles and tables ---------------------------------------------------------------------------------------------------------


async def profile(org_id: str, employee_id: str, session: Session | None = None) -> PayProfile | None:
    return await PayProfile.find_one({"_id": employee_id, "org_id": org_id}, session=session)


async def profiles(org_id: str, employee_ids: Collection[str], session: Session | None = None) -> dict[str, PayProfile]:
    found: dict[str, PayProfile] = {}
    for part in in_parts(employee_ids):
        found |= {row.id: row for row in await PayProfile.find({"_id": {"$in": part}, "org_id": org_id}, session=session).to_list()}
    return found


async def profiles_in(org_id: str, currency: str) -> dict[str, PayProfile]:
    """By employee: those who are paid in that currency."""
    return {row.id: row for row in await PayProfile.find({"org_id": org_id, "currency": currency}).to_list()}


async def owners_of_wallets(org_id: str, addresses: Collection[str]) -> dict[str, str]:
    """Address (EIP-55) → employee who proved that it is theirs."""
    found: dict[str, str] = {}
    for part in in_parts(sorted(addresses)):
        rows = PayProfile.get_pymongo_collection().find({"org_id": org_id, "wallet_address": {"$in": part}}, {"wallet_address": 1})
        found |= {row["wallet_address"]: row["_id"] async for row in rows}
    return found


async def count_profiles(org_id: str) -> int:
    return await PayProfile.find({"org_id": org_id}).count()


async def insert_profile(session: Session, row: PayProfile) -> bool:
    """False when another was first."""
    try:
        await row.insert(session=session)
    except DuplicateKeyError:
        return False
    return True


async def table_at(org_id: str, code: str, day: date, session: Session | None = None) -> TaxTable | None:
    """As it is in force on that day."""
    where = {"org_id": org_id, "code": code, "effective_from": {"$lte": midnight(day)}}
    return await TaxTable.find(where, session=session).sort("-effective_from").first_or_none()


async def page_of_tables(org_id: str, request: PageRequest) -> Page[TaxTable]:
    query: Row = {"org_id": org_id}
    rows = await pages.fetch(TaxTable, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await TaxTable.find(query).count() if request.count else None)


async def tables(org_id: str) -> list[TaxTable]:
    return await TaxTable.find({"org_id": org_id}).sort("+code", "-effective_from").to_list()


async def insert_table(session: Session, row: TaxTable) -> bool:
    """False when that table has a version from that day already."""
    try:
        await row.insert(session=session)
    except DuplicateKeyError:
        return False
    return True


# ---- periods ---------------------------------------------------------------------------------------------------------------------


async def period(org_id: str, period_id: str, session: Session | None = None) -> PayrollPeriod | None:
    return await PayrollPeriod.find_one({"_id": period_id, "org_id": org_id}, session=session)


async def period_from(org_id: str, first: date, currency: str) -> PayrollPeriod | None:
    """The first that was opened from that day on in that currency."""
    return await PayrollPeriod.find({"org_id": org_id, "start_date": midnight(first), "currency": currency}).sort("+_id").first_or_none()


async def page_of_periods(org_id: str, where: Row, request: PageRequest) -> Page[PayrollPeriod]:
    query: Row = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(
        PayrollPeriod, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1
    )
    return request.page(rows, await PayrollPeriod.find(query).count() if request.count else None)


async def unpaid_until(org_id: str, day: date) -> list[PayrollPeriod]:
    """Those to be paid by that day that are not, soonest first."""
    where = {"org_id": org_id, "pay_date": {"$lte": midnight(day)}, "status": {"$ne": PayrollStatus.PAID}}
    return await PayrollPeriod.find(where, limit=UNPAID_MAX).sort("+pay_date", "+_id").to_list()


async def nets_of_periods(org_id: str, period_ids: Collection[str]) -> dict[str, list[Decimal]]:
    """By period, what each payslip pays out."""
    found: dict[str, list[Decimal]] = {}
    if not period_ids:
        return found
    where = {"org_id": org_id, "period_id": {"$in": list(period_ids)}}
    async for row in Payslip.get_pymongo_collection().find(where, {"period_id": 1, "net": 1}):
        found.setdefault(row["period_id"], []).append(row["net"].to_decimal())
    return found


async def before(org_id: str, row: PayrollPeriod) -> PayrollPeriod | None:
    """The last period of that currency that ended before this one did."""
    where = {"org_id": org_id, "currency": row.currency, "end_date": {"$lt": midnight(row.end_date)}, "_id": {"$ne": row.id}}
    return await PayrollPeriod.find(where).sort("-end_date", "-_id").first_or_none()


async def insert_period(session: Session, row: PayrollPeriod) -> None:
    """PeriodExists: the unique index decides."""
    try:
        await row.insert(session=session)
    except DuplicateKeyError as error:
        raise PeriodExists from error


async def delete_period(session: Session, row: PayrollPeriod) -> bool:
    query = {"_id": row.id, "org_id": row.org_id, "version": row.version}
    done = await PayrollPeriod.get_pymongo_collection().delete_one(query, session=session)
    if done.deleted_count:
        await Payslip.get_pymongo_collection().delete_many(
            {"org_id": row.org_id, "period_id": row.id, "status": PayslipStatus.DRAFT}, session=session
        )
    return done.deleted_count == 1


# ---- payslips --------------------------------------------------------------------------------------------------------------------


async def payslip(org_id: str, payslip_id: str, session: Session | None = None) -> Payslip | None:
    return await Payslip.find_one({"_id": payslip_id, "org_id": org_id}, session=session)


async def payslips(org_id: str, payslip_ids: Collection[str], session: Session | None = None) -> dict[str, Payslip]:
    found: dict[str, Payslip] = {}
    for part in in_parts(payslip_ids):
        found |= {row.id: row for row in await Payslip.find({"_id": {"$in": part}, "org_id": org_id}, session=session).to_list()}
    return found


async def payslips_of_period(org_id: str, period_id: str, session: Session | None = None) -> list[Payslip]:
    """By name."""
    return await Payslip.find({"org_id": org_id, "period_id": period_id}, session=session).sort("+employee_name_folded", "+_id").to_list()


async def lines_of_period(org_id: str, period_id: str) -> list[PayslipLine]:
    """By name."""
    told = ("employee_id", "employee_name", "status", "gross", "tax", "net")
    where = {"org_id": org_id, "period_id": period_id}
    found = Payslip.get_pymongo_collection().find(where, dict.fromkeys((*told, "employee_name_folded"), 1), batch_size=2_000)
    rows = sorted([row async for row in found], key=lambda row: (row["employee_name_folded"], row["_id"]))
    return [
        PayslipLine(
            id=row["_id"],
            employee_id=row["employee_id"],
            employee_name=row["employee_name"],
            status=PayslipStatus(row["status"]),
            **{name: row[name].to_decimal() for name in ("gross", "tax", "net")},
        )
        for row in rows
    ]


async def payslips_of_people(session: Session, org_id: str, period_id: str, employee_ids: Sequence[str]) -> dict[str, Payslip]:
    """By employee: of a few hundred of them, in one payroll."""
    where = {"org_id": org_id, "period_id": period_id, "employee_id": {"$in": list(employee_ids)}}
    return {row.employee_id: row for row in await Payslip.find(where, session=session).to_list()}


async def people_of_period(org_id: str, period_id: str) -> set[str]:
    """Employees who have a payslip in it."""
    rows = Payslip.get_pymongo_collection().find({"org_id": org_id, "period_id": period_id}, {"employee_id": 1})
    return {row["employee_id"] async for row in rows}


async def drafts_of_period(org_id: str, period_id: str) -> list[str]:
    """Their ids, by name."""
    where = {"org_id": org_id, "period_id": period_id, "status": PayslipStatus.DRAFT}
    rows = Payslip.get_pymongo_collection().find(where, {"employee_name_folded": 1}).sort([("employee_name_folded", 1), ("_id", 1)])
    return [row["_id"] async for row in rows]


async def statuses_of_period(session: Session, org_id: str, period_id: str) -> list[PayslipStatus]:
    rows = Payslip.get_pymongo_collection().find({"org_id": org_id, "period_id": period_id}, {"status": 1}, session=session)
    return [PayslipStatus(row["status"]) async for row in rows]


async def payslips_of_employee(org_id: str, employee_id: str) -> list[Payslip]:
    """Those that were approved, latest first."""
    where = {"org_id": org_id, "employee_id": employee_id, "status": {"$ne": PayslipStatus.DRAFT}}
    return await Payslip.find(where).sort("-pay_date", "-_id").to_list()


async def payslip_by_token(token: str) -> Payslip | None:
    """Whoever holds the token may ask whether it is genuine: of any organisation."""
    return await Payslip.find_one({"verify_token": {"$eq": token, "$type": "string"}})


async def page_of_payslips(org_id: str, where: Row, request: PageRequest) -> Page[Payslip]:
    """`where` holds conditions that an edge composed from typed filters; the organisation is added here."""
    query: Row = {"$and": [{"org_id": org_id}, where]}
    rows = await pages.fetch(Payslip, query, sort=request.sort, descending=request.descending, after=request.position(), limit=request.limit + 1)
    return request.page(rows, await Payslip.find(query).count() if request.count else None)


async def insert_payslips(session: Session, rows: Sequence[Payslip]) -> None:
    """PayslipExists: the unique index decides."""
    try:
        for part in in_parts(rows):
            await Payslip.insert_many(part, session=session)
    except BulkWriteError as error:
        if any(fault.get("code") == DUPLICATE_KEY for fault in error.details.get("writeErrors", [])):
            raise PayslipExists from error
        raise


async def move_payslips(session: Session, rows: Sequence[tuple[Payslip, Row]]) -> bool:
    """Sets the changes of each where it still is what was read; False when one is not. Those that are changed alike are changed at once."""
    alike: dict[str, tuple[list[str], Row, Row]] = {}
    for row, changes in rows:
        where = {"org_id": row.org_id, "version": row.version}
        alike.setdefault(repr((where, sorted(changes.items()))), ([], where, changes))[0].append(row.id)
    writes = [
        UpdateMany({"_id": {"$in": part}, **where}, {"$set": changes, "$inc": {"version": 1}})
        for ids, where, changes in alike.values()
        for part in in_parts(ids)
    ]
    matched = 0
    for some in in_parts(writes):
        matched += (await Payslip.get_pymongo_collection().bulk_write(some, session=session)).matched_count
    return matched == len(rows)


async def delete_payslip(session: Session, row: Payslip) -> bool:
    query = {"_id": row.id, "org_id": row.org_id, "version": row.version, "status": PayslipStatus.DRAFT}
    return (await Payslip.get_pymongo_collection().delete_one(query, session=session)).deleted_count == 1


# ---- paying ----------------------------------------------------------------------------------------------------------------------


async def payouts_of_payslips(org_id: str, payslip_ids: Collection[str], session: Session | None = None) -> dict[str, list[Payout]]:
    """By payslip, in the order of its shares."""
    found: dict[str, list[Payout]] = {}
    for part in in_parts(payslip_ids):
        where = {"org_id": org_id, "payslip_id": {"$in": part}}
        for row in await Payout.find(where, session=session).sort("+payslip_id", "+place").to_list():
            found.setdefault(row.payslip_id, []).append(row)
    return found


async def payouts_of_steps(org_id: str, step_ids: Collection[str], session: Session | None = None) -> dict[str, list[Payout]]:
    """By step, in the order of their ids."""
    found: dict[str, list[Payout]] = {step_id: [] for step_id in step_ids}
    for part in in_parts(step_ids):
        for row in await Payout.find({"org_id": org_id, "step_id": {"$in": part}}, session=session).sort("+_id").to_list():
            found[row.step_id].append(row)
    return found


async def insert_payouts(session: Session, rows: Sequence[Payout]) -> None:
    for part in in_parts(rows):
        await Payout.insert_many(part, session=session)


async def move_payouts(session: Session, org_id: str, changes: Mapping[str, Row]) -> None:
    """Those of each of these steps."""
    writes = [UpdateMany({"org_id": org_id, "step_id": step_id}, {"$set": row}) for step_id, row in changes.items()]
    if writes:
        await Payout.get_pymongo_collection().bulk_write(writes, session=session)


async def replan_payouts(session: Session, rows: Sequence[Payout]) -> bool:
    """Each into its new step, where it still stands failed in the old one; False when one does not."""
    writes = []
    for row in rows:
        query = {"_id": row.id, "org_id": row.org_id, "state": PayoutState.FAILED, "attempt": row.attempt - 1}
        fields = encoded(row)
        writes.append(UpdateOne(query, {"$set": {name: value for name, value in fields.items() if name not in ("_id", "org_id")}}))
    matched = 0
    for part in in_parts(writes):
        matched += (await Payout.get_pymongo_collection().bulk_write(part, session=session)).matched_count
    return matched == len(rows)


async def insert_steps(session: Session, rows: Sequence[PayrollStep]) -> None:
    for part in in_parts(rows):
        await PayrollStep.insert_many(part, session=session)


async def steps(org_id: str, step_ids: Collection[str], session: Session | None = None) -> dict[str, PayrollStep]:
    rows = await PayrollStep.find({"_id": {"$in": list(step_ids)}, "org_id": org_id}, session=session).to_list()
    return {row.id: row for row in rows}


async def first_steps_of_period(org_id: str, period_id: str, limit: int) -> tuple[list[PayrollStep], int]:
    """In the order in which they are prepared, and how many there are."""
    where = {"org_id": org_id, "period_id": period_id}
    return await PayrollStep.find(where, limit=limit).sort("+_id").to_list(), await PayrollStep.find(where).count()


async def payments_to_follow(org_id: str, period_id: str) -> list[str]:
    """Ids of the payments of its steps that are not settled."""
    where = {"org_id": org_id, "period_id": period_id, "settled": False, "payment_id": {"$ne": None}}
    return [row["payment_id"] async for row in PayrollStep.get_pymongo_collection().find(where, {"payment_id": 1}, batch_size=2_000)]


async def steps_of_period(org_id: str, period_id: str, session: Session | None = None) -> list[PayrollStep]:
    """In the order in which they are prepared."""
    return await PayrollStep.find({"org_id": org_id, "period_id": period_id}, session=session).sort("+_id").to_list()


async def allowance_of_run(org_id: str, period_id: str, run_id: str, asset: str) -> PayrollStep | None:
    """The step that gives the batches of that token what they pull."""
    where = {"org_id": org_id, "period_id": period_id, "run_id": run_id, "asset": asset, "kind": StepKind.ALLOWANCE}
    return await PayrollStep.find_one(where)


async def steps_due(now: datetime, limit: int) -> list[PayrollStep]:
    """Of every organisation: what is not settled and is to be looked at."""
    return await PayrollStep.find({"settled": False, "look_at": {"$lte": now}}, limit=limit).sort("+look_at", "+_id").to_list()


async def batches_under_way(org_id: str, wallet_id: str, asset: str) -> bool:
    """Whether the wallet has batches of that token that are not paid yet: they need their allowance."""
    where = {"org_id": org_id, "settled": False, "wallet_id": wallet_id, "asset": asset, "kind": StepKind.BATCH}
    steps = [row.id for row in await PayrollStep.find(where).to_list()]
    waiting = {"org_id": org_id, "step_id": {"$in": steps}, "state": {"$in": [PayoutState.PLANNED, PayoutState.SENT]}}
    return bool(steps) and await Payout.find_one(waiting) is not None


async def change_steps(session: Session, org_id: str, changes: Mapping[str, Row]) -> None:
    """By id. Those that are changed alike are changed at once."""
    alike: dict[str, tuple[list[str], Row]] = {}
    for step_id, row in changes.items():
        alike.setdefault(repr(sorted(row.items())), ([], row))[0].append(step_id)
    writes = [UpdateMany({"_id": {"$in": ids}, "org_id": org_id}, {"$set": row}) for ids, row in alike.values()]
    if writes:
        await PayrollStep.get_pymongo_collection().bulk_write(writes, session=session)


# ---- the key of statements -------------------------------------------------------------------------------------------------------


async def statement_key(org_id: str) -> StatementKey | None:
    return await StatementKey.find_one({"_id": org_id, "org_id": org_id})


async def insert_statement_key(session: Session, row: StatementKey) -> None:
    """DuplicateKeyError when another was first: there is one for ever."""
    await row.insert(session=session)


async def statement_keys_behind(last: str, limit: int) -> list[StatementKey]:
    """Of every organisation, in their order: for sealing them anew."""
    return await StatementKey.find({"_id": {"$gt": last}}, limit=limit).sort("+_id").to_list()


async def reseal_statement_key(session: Session, row: StatementKey, anew: str) -> bool:
    """While it is sealed as it was read."""
    query = {"_id": row.id, "org_id": row.org_id, "sealed_key": row.sealed_key}
    done = await StatementKey.get_pymongo_collection().update_one(query, {"$set": {"sealed_key": anew}}, session=session)
    return bool(done.modified_count == 1)


async def statement_key_at(address: str) -> StatementKey | None:
    """Whose key it is: of any organisation."""
    return await StatementKey.find_one({"address": address})
