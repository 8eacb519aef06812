"""Write a transaction down by hand, or correct one that a person brought. It means what a row of an imported table means.

    what was said → read as a row (imports.py) → what it stands for (brought_rows.py) ┐ before the unit of work
                                       in it: what stood for it reversed → entry → row → event → audit record

A correction never rewrites: the entry before is reversed, and another posted. What came from a chain is not a person's to correct.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.classification.types import Category, Decision
from crypto_api.events import service as events
from crypto_api.flows.annotate_transaction import Annotation, annotate_transaction
from crypto_api.flows.book_brought import check_period, post_rows, store_rows
from crypto_api.flows.book_transaction import reverse_bookings
from crypto_api.flows.brought_rows import House, Maker, Networks, Ready, fits, own_category
from crypto_api.flows.decide_transaction import as_fields, decided_before
from crypto_api.kit.amounts import text
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.errors import Conflict, FieldError, InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id
from crypto_api.transactions import store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.events import TransactionChanged
from crypto_api.transactions.imports import RowError, read_said
from crypto_api.transactions.types import BROUGHT, Brought, Origin
from mongodb_config.unit_of_work import Session, UnitOfWork

_AUDITED = ("type", "at", "asset", "amount", "price", "value", "fee", "fee_asset", "wallet_id", "to_wallet_id", "cash_account", "description")


class ChainFact(Conflict):
    code = "chain_fact"

    def __init__(self, fields: Collection[str]) -> None:
        super().__init__(f"It came from the chain and stays as it is: {', '.join(sorted(fields))}.")


class ExternalIdTaken(Conflict):
    code = "external_id_taken"

    def __init__(self) -> None:
        super().__init__("A transaction with this external_id stands there already, and says something else: change that one.")


class NotEditable(Conflict):
    code = "not_editable"

    def __init__(self) -> None:
        super().__init__("It was brought before rows kept what was said: take it back and bring it again.")


@dataclass(frozen=True)
class Recorded:
    row: Transaction
    new: bool  # False: the same had been brought before under its external id


async def record_transaction(
    uow: UnitOfWork, clock: Clock, networks: Networks, org_id: str, said: Mapping[str, str], annotation: Annotation
) -> Recorded:
    """`said` under the names of `imports.BY_HAND`. InvalidInput; ExternalIdTaken; PeriodClosed. The same under the same `external_id`
    is one transaction."""
    now = clock.now()
    house = await House.of(networks, org_id)
    one = _annotated(await _read(house, said, f"hand:{new_id('row')}", Origin.MANUAL, now), annotation)

    async def work(session: Session) -> Recorded:
        found = await store.by_ids(org_id, [one.transaction.id], session)
        if found:
            if found[0].content_hash != one.row.content:
                raise ExternalIdTaken
            return Recorded(found[0], new=False)
        await check_period(session, org_id, day_of(one.row.at, house.time_zone))
        (stored,) = await store_rows(session, [one], house.time_zone, now)
        await _record(session, "transaction.entered", "A transaction was entered by hand.", now, None, stored)
        return Recorded(stored, new=True)

    return await uow.run(work)


async def change_transaction(
    uow: UnitOfWork,
    clock: Clock,
    networks: Networks,
    org_id: str,
    row_id: str,
    said: Mapping[str, str],
    annotation: Annotation,
    versions: Collection[int] | None = None,
) -> Transaction:
    """`said` holds what changes; an empty text clears. NotFound; PreconditionFailed when it stands at none of `versions`; ChainFact where it came
    from the chain; PeriodClosed, of the day before or after; InvalidInput."""
    row = await store.get(org_id, row_id)
    if row is None:
        raise NotFound
    if versions is not None and row.version not in versions:
        raise PreconditionFailed
    if row.origin not in BROUGHT:
        if said:
            raise ChainFact(said)
        return await annotate_transaction(uow, clock, org_id, row_id, annotation, versions)
    if not said:
        if row.brought is not None:
            _check_category(row.brought, annotation.category)
        return await annotate_transaction(uow, clock, org_id, row_id, annotation, versions)
    return await _correct(uow, clock, networks, row, said, annotation)


async def _correct(
    uow: UnitOfWork, clock: Clock, networks: Networks, row: Transaction, said: Mapping[str, str], annotation: Annotation
) -> Transaction:
    if row.brought is None:
        raise NotEditable
    if said.get("external_id", row.brought.external_id) != row.brought.external_id:
        raise InvalidInput.of("external_id", "names the row and stays: take the row back and enter another", "fixed")
    now = clock.now()
    house = await House.of(networks, row.org_id)
    found = await _read(house, said_of(row.brought) | _exclusive(said), row.id, row.origin, now)
    one = _annotated(_kept(found, row, said), annotation)

    async def work(session: Session) -> Transaction:
        await check_period(session, row.org_id, day_of(row.timestamp, house.time_zone), day_of(one.row.at, house.time_zone))
        await reverse_bookings(session, row, now, "the transaction was corrected")
        (entry,) = await post_rows(session, [one], house.time_zone, now)
        changed: Transaction = one.transaction.model_copy(update={"entry_ids": [*row.entry_ids, entry.id], "unpriced": entry.unpriced})
        if not await store.replace_made(session, row, changed):
            raise PreconditionFailed
        await events.append(session, row.org_id, TransactionChanged(**changed.event_fields()), now)
        await _record(session, "transaction.corrected", "A transaction was corrected by hand.", now, row, changed)
        now_there: Transaction = changed.model_copy(update={"version": row.version + 1})
        return now_there

    return await uow.run(work)


def _exclusive(said: Mapping[str, str]) -> dict[str, str]:
    """A price that is given takes the place of the value that was, and the other way round."""
    other = {"price": "value", "value": "price"}
    return {other[name]: "" for name in other if said.get(name) and other[name] not in said} | dict(said)


def _kept(one: Ready, row: Transaction, said: Mapping[str, str]) -> Ready:
    """What a person said it is stays, as long as it still is of that kind; so do their notes."""
    assert row.brought is not None and one.transaction.brought is not None
    same_kind = own_category(row.brought) is own_category(one.transaction.brought)
    decision = one.decision
    if same_kind:
        before = decided_before(row)
        decision = before.model_copy(update={"explanation": decision.explanation}) if "description" in said else before
    decision = decision.model_copy(update={"counterparty": row.counterparty})
    kept = {"id": row.id, "created_at": row.created_at, "note": row.note, "stored_at": row.stored_at}
    return _with(replace(one, transaction=one.transaction.model_copy(update=kept)), decision)


def _annotated(one: Ready, annotation: Annotation) -> Ready:
    assert one.transaction.brought is not None
    _check_category(one.transaction.brought, annotation.category)
    given = {name: value for name, value in vars(annotation).items() if value is not None and name != "note"}
    if annotation.note is not None:
        one = replace(one, transaction=one.transaction.model_copy(update={"note": annotation.note}))
    return _with(one, one.decision.model_copy(update=given))


def _with(one: Ready, decision: Decision) -> Ready:
    return replace(one, decision=decision, transaction=one.transaction.model_copy(update=as_fields(decision)))


def _check_category(said: Brought, category: Category | None) -> None:
    if category is not None and not fits(said.type, category, own_category(said)):
        raise InvalidInput.of("category", f"does not go with {said.type}: change its type instead", "other_type")


async def _read(house: House, said: Mapping[str, str], key: str, origin: Origin, now: datetime) -> Ready:
    row, errors = read_said(said, key, now)
    _refuse(errors)
    assert row is not None
    maker = Maker(house, row, origin, now)
    made = await maker.made()
    _refuse(maker.errors)
    assert made is not None
    return made


def _refuse(errors: list[RowError]) -> None:
    if errors:
        raise InvalidInput(*(FieldError(error.column, error.message, "invalid") for error in errors))


def said_of(brought: Brought) -> dict[str, str]:
    """As it was said, under the names of `imports.BY_HAND`, wallets by id."""
    values = {
        "timestamp": brought.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "wallet": brought.wallet_id,
        "to_wallet": brought.to_wallet_id,
        "fee": brought.fee or None,
    }
    names = ("type", "asset", "amount", "price", "value", "fee_asset", "cash_account", "description", "external_id")
    return {name: _text(value) for name, value in ({name: getattr(brought, name) for name in names} | values).items()}


def _text(value: Any) -> str:
    return "" if value is None else text(value) if isinstance(value, Decimal) else str(value)


async def _record(session: Session, action: str, summary: str, now: datetime, before: Transaction | None, after: Transaction) -> None:
    was, became = (_told(row) if row is not None else None for row in (before, after))
    await audit.record(session, after.org_id, action, summary, now, subject=("transaction", after.id), before=was, after=became)


def _told(row: Transaction) -> dict[str, Any]:
    said = {name: getattr(row.brought, name) for name in _AUDITED}
    told = said | {"category": row.category, "counterparty": row.counterparty, "note": row.note}
    return {name: value for name, value in told.items() if value not in (None, "")}
