"""The verbs of the books. Each write runs inside the caller's unit of work: the entry, the balances and the event, or nothing."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import FieldError, InvalidInput, NotFound
from crypto_api.kit.ids import new_id
from crypto_api.ledger import chart, period_store, rules, store
from crypto_api.ledger.chart import ChartRow
from crypto_api.ledger.documents import Account, JournalEntry
from crypto_api.ledger.errors import AccountExists, AccountInUse, ChangedMeanwhile, NotPosted, PeriodClosed
from crypto_api.ledger.events import JournalEntryPosted, JournalEntryReversed
from crypto_api.ledger.period_store import Entrance
from crypto_api.ledger.types import DEFAULT_CHART, AccountCode, AccountType, EntryDraft, EntryStatus, Line, Source, SourceKind
from mongodb_config.unit_of_work import Session
from mongodb_config.writes import Writes, write_all

ENTRY_PREFIX = "je"

# ---- posting ---------------------------------------------------------------------------------------------------------------------


async def post(session: Session, org_id: str, draft: EntryDraft, now: datetime, *, by: str | None = None) -> JournalEntry:
    """Posts exactly once per source: a second post of the same source gives the first entry and changes nothing. Two at the same moment
    meet at the unique index; the one that loses is run again by its unit of work, and finds the other's. `by` is the person who decided it."""
    return (await post_all(session, org_id, [draft], now, by=by))[0]


async def post_all(
    session: Session,
    org_id: str,
    drafts: Sequence[EntryDraft],
    now: datetime,
    *,
    by: str | None = None,
    known: Mapping[Source, JournalEntry] | None = None,
) -> list[JournalEntry]:
    """`post` for many at once, all or none: the entries in the order of the drafts, at the cost of few commands. `known`: those of the sources that
    have an entry already, where the caller has looked in this unit of work."""
    entries = dict(known) if known is not None else await store.entries_of_sources(org_id, [draft.source for draft in drafts], session)
    fresh = list({draft.source: draft for draft in reversed(drafts) if draft.source not in entries}.values())[::-1]
    if fresh:
        entrance = await period_store.enter(session, org_id)
        await check_all(session, org_id, [draft.lines for draft in fresh], entrance)
        rows = [_late(new_entry(org_id, draft, EntryStatus.POSTED, now, by), entrance.closed_through) for draft in fresh]
        await write_all(session, [store.insertions(rows), *_counted(org_id, rows, now)])
        entries |= {draft.source: row for draft, row in zip(fresh, rows, strict=True)}
    return [entries[draft.source] for draft in drafts]


async def reverse(
    session: Session, org_id: str, entry_id: str, now: datetime, reason: str, *, on: date | None = None, by: str | None = None
) -> JournalEntry:
    """The mirror entry, dated `on` (as the entry itself when left out: it never should have stood there). Reversing twice gives the first
    mirror. A draft of a reversal that waits for approval gives way."""
    entry = await store.entry(org_id, entry_id, session)
    if entry is None:
        raise NotFound
    if entry.status is EntryStatus.REVERSED and entry.reversed_by is not None:
        known = await store.entry(org_id, entry.reversed_by, session)
        assert known is not None, f"{entry_id} names a mirror that does not exist"
        return known
    check_reversible(entry)
    if (waiting := await store.entry_of_source(org_id, reversal_of(entry), session)) is not None:
        await store.delete_draft(session, org_id, waiting.id, waiting.version)
        await record_entry(session, "journal_entry.discarded", f"{entry.description} was reversed without its draft", now, waiting, None)
    mirror = mirror_of(entry, now, reason, on or entry.date, by)
    closed = (await period_store.enter(session, org_id)).closed_through
    if on is not None:
        check_open(on, closed)
    _late(mirror, closed)
    await write_all(session, [store.insertions([mirror])])
    return await take_back(session, entry, mirror, now, reason, by)


async def take_back(session: Session, entry: JournalEntry, mirror: JournalEntry, now: datetime, reason: str, by: str | None) -> JournalEntry:
    """Marks the entry as reversed by `mirror`, which stands in the database as posted and counts from here on. ChangedMeanwhile when somebody
    was faster."""
    changes = {"status": EntryStatus.REVERSED, "reversed_by": mirror.id}
    if not await store.update_entry(session, entry.org_id, entry.id, EntryStatus.POSTED, entry.version, changes):
        raise ChangedMeanwhile
    told = JournalEntryReversed(**facts(entry), reversed_by=mirror.id, reason=reason)
    await write_all(session, [store.additions_to_balances(entry.org_id, mirror.lines, now), events.to_append([(entry.org_id, told)], now)])
    if by is not None:  # what the chain takes back is told by the events and the entries themselves
        changed = entry.model_copy(update=changes)
        await record_entry(session, "journal_entry.reversed", f"{entry.description} was reversed: {reason}", now, entry, changed)
    return mirror


def check_open(day: date, closed: date | None) -> None:
    """PeriodClosed for a day that the books are closed up to."""
    if closed is not None and day <= closed:
        raise PeriodClosed(closed)


def _late(entry: JournalEntry, closed: date | None) -> JournalEntry:
    """What a person dates into a closed period is refused. What arrives late (a reorganisation, a late booking) stands on the first open day and says
    what it is about."""
    if closed is not None and entry.date <= closed:
        if entry.source_kind is SourceKind.MANUAL:
            raise PeriodClosed(closed)
        entry.original_date, entry.date = entry.date, closed + timedelta(days=1)
    return entry


def check_reversible(entry: JournalEntry) -> None:
    """NotPosted for a draft, for what was reversed, and for what itself takes back another."""
    if entry.status is not EntryStatus.POSTED or entry.reverses is not None:
        raise NotPosted


async def open_purpose(session: Session, org_id: str, kind: SourceKind, source_id: str, purpose: str) -> str:
    """The purpose under which the source posts now: `purpose` itself, or, where every entry of it was reversed (its block was orphaned and
    came back), the next one, `purpose:2`, `purpose:3` …"""
    return (await open_purposes(session, org_id, kind, [source_id], purpose))[source_id]


async def open_purposes(session: Session, org_id: str, kind: SourceKind, source_ids: Sequence[str], purpose: str) -> dict[str, str]:
    """`open_purpose` of many, by source."""
    earlier: dict[str, list[JournalEntry]] = {source_id: [] for source_id in source_ids}
    for entry in await store.entries_of_source_ids(org_id, kind, source_ids, session):
        if entry.source_purpose.partition(":")[0] == purpose:
            earlier[entry.source_id].append(entry)
    return {source_id: _next_purpose(same, purpose) for source_id, same in earlier.items()}


def _next_purpose(same: Sequence[JournalEntry], purpose: str) -> str:
    standing = next((entry for entry in same if entry.status is EntryStatus.POSTED), None)
    if standing is not None:
        return standing.source_purpose
    return purpose if not same else f"{purpose}:{len(same) + 1}"


async def standing_of_source(session: Session, org_id: str, kind: SourceKind, source_id: str) -> JournalEntry | None:
    """The latest entry of the source that stands, under whichever purpose; None when there is none, or it was reversed."""
    entries = await store.entries_of_source(org_id, kind, source_id, session)
    return next((entry for entry in reversed(entries) if entry.status is EntryStatus.POSTED), None)


async def reverse_transaction(session: Session, org_id: str, transaction_id: str, now: datetime, reason: str) -> list[JournalEntry]:
    """Takes back whatever stands in the books for a transaction."""
    standing = await store.posted_of_transaction(org_id, transaction_id, session)
    return [await reverse(session, org_id, entry.id, now, reason) for entry in standing]


# ---- accounts --------------------------------------------------------------------------------------------------------------------


async def create_chart(session: Session, org_id: str, now: datetime) -> None:
    """The default chart, or what is missing of it."""
    known = {account.code for account in await store.accounts(org_id, session=session)}
    rows = [
        Account(
            id=store.account_id(org_id, row.code),
            created_at=now,
            org_id=org_id,
            code=row.code,
            name=row.name,
            account_type=row.account_type,
            parent_code=row.parent_code,
        )
        for row in DEFAULT_CHART
        if row.code not in known
    ]
    if rows:
        await store.insert_accounts(session, rows)


async def create_account(
    session: Session, org_id: str, *, code: str, name: str, account_type: AccountType, parent_code: str | None, now: datetime
) -> Account:
    known = {account.code: account for account in await store.accounts(org_id, {code, *([parent_code] if parent_code else [])}, session)}
    if code in known:
        raise AccountExists
    _check_parent(known, code, account_type, parent_code)
    account = Account(
        id=store.account_id(org_id, code),
        created_at=now,
        org_id=org_id,
        code=code,
        name=name,
        account_type=account_type,
        parent_code=parent_code,
    )
    await store.insert_accounts(session, [account])
    await _record_account(session, "ledger_account.created", now, None, account)
    return account


async def update_account(
    session: Session, org_id: str, account: Account, *, name: str, parent_code: str | None, active: bool, now: datetime
) -> Account:
    """Code and type stay: entries rest on them."""
    if not active:
        _refuse_system_account(account)
    parents = {row.code: row for row in await store.accounts(org_id, session=session)}
    _check_parent(parents, account.code, account.account_type, parent_code)
    changes = {"name": name, "parent_code": parent_code, "active": active}
    if not await store.update_account(session, org_id, account.id, account.version, changes):
        raise ChangedMeanwhile
    if account.active and not active:
        await period_store.keep_out(session, org_id, now)
    updated: Account = account.model_copy(update={**changes, "version": account.version + 1})
    await _record_account(session, "ledger_account.updated", now, account, updated)
    return updated


async def remove_account(session: Session, org_id: str, account: Account, now: datetime) -> bool:
    """Deletes it, or deactivates it when anything was ever booked on it; True when it is gone altogether."""
    _refuse_system_account(account)
    await period_store.keep_out(session, org_id, now)
    if not await store.account_is_used(session, org_id, account.code):
        await store.delete_account(session, org_id, account.id)
        await _record_account(session, "ledger_account.deleted", now, account, None)
        return True
    if not await store.update_account(session, org_id, account.id, account.version, {"active": False}):
        raise ChangedMeanwhile
    await _record_account(session, "ledger_account.deactivated", now, account, account.model_copy(update={"active": False}))
    return False


_NOT_MONEY = frozenset(AccountCode) - {AccountCode.CASH, AccountCode.SUSPENSE}


async def money_accounts(org_id: str) -> dict[str, Account]:
    """By code, what something can be paid from or into: active assets and liabilities that no posting of the system has for itself, and no headings.
    Suspense is one of them: there it stands until somebody knows where the money was."""
    chart = await store.accounts(org_id)
    parents = {row.parent_code for row in chart}
    fit = [row for row in chart if row.active and row.account_type in (AccountType.ASSET, AccountType.LIABILITY) and row.code not in _NOT_MONEY]
    return {row.code: row for row in fit if row.parent_code is not None or row.code not in parents}


async def import_chart(session: Session, org_id: str, rows: Sequence[ChartRow], now: datetime) -> tuple[int, int]:
    """(how many are new, how many changed). Bringing the same again changes nothing; what is not in the table stays. InvalidInput for a hierarchy
    that goes in a circle or is too deep, ChangedMeanwhile when somebody edits an account at the same moment."""
    known = {account.code: account for account in await store.accounts(org_id, session=session)}
    parents = {code: account.parent_code for code, account in known.items()} | {row.code: row.parent_code for row in rows}
    if wrong := chart.circles(parents):
        errors = [FieldError(f"{row.number}.parent", "goes in a circle, or is too deep", "cycle") for row in rows if row.code in wrong]
        raise InvalidInput(*(errors or [FieldError("file", "makes the hierarchy too deep", "cycle")]))
    fresh = [row for row in rows if row.code not in known]
    await store.insert_accounts(session, [_account(org_id, row, now) for row in fresh])
    changed, withdrawn = 0, False
    for row in rows:
        account, changes = known.get(row.code), {"name": row.name, "parent_code": row.parent_code, "active": row.active}
        if account is None or all(getattr(account, name) == value for name, value in changes.items()):
            continue
        if not await store.update_account(session, org_id, account.id, account.version, changes):
            raise ChangedMeanwhile
        changed += 1
        withdrawn |= account.active and not row.active
    if withdrawn:
        await period_store.keep_out(session, org_id, now)
    if fresh or changed:
        summary = f"A chart of accounts was imported: {len(fresh)} new, {changed} changed."
        after = {"new": [row.code for row in fresh], "changed": changed}
        await audit.record(session, org_id, "ledger_accounts.imported", summary, now, subject=("ledger_accounts", ""), after=after)
    return len(fresh), changed


def _account(org_id: str, row: ChartRow, now: datetime) -> Account:
    return Account(
        id=store.account_id(org_id, row.code),
        created_at=now,
        org_id=org_id,
        code=row.code,
        name=row.name,
        account_type=row.account_type,
        parent_code=row.parent_code,
        active=row.active,
    )


def _refuse_system_account(account: Account) -> None:
    if account.code in set(AccountCode):
        raise AccountInUse("Movements on the chain are booked on this account: it stays active.")


def _check_parent(known: Mapping[str, Account], code: str, account_type: AccountType, parent_code: str | None) -> None:
    above = parent_code
    for _ in range(len(known) + 1):
        if above is None:
            return
        parent = known.get(above)
        if parent is None:
            if above == parent_code:
                raise InvalidInput.of("parent_code", "is not an account of this organisation", "unknown_account")
            return
        if parent.code == code:
            raise InvalidInput.of("parent_code", "makes the account its own parent", "cycle")
        if parent.account_type is not account_type:
            raise InvalidInput.of("parent_code", f"is of another type ({parent.account_type})", "wrong_type")
        above = parent.parent_code
    raise InvalidInput.of("parent_code", "makes the account its own parent", "cycle")


# ---- parts -----------------------------------------------------------------------------------------------------------------------


async def check_all(session: Session, org_id: str, entries: Sequence[Sequence[Line]], entrance: Entrance | None = None) -> None:
    """InvalidInput unless the lines of each balance and name active accounts of the organisation. A posting, which has an `entrance`, need not read
    the accounts that others have found active there."""
    for lines in entries:
        rules.check_lines(lines)
    wanted = {line.account_code for lines in entries for line in lines}
    known = entrance.active if entrance is not None else frozenset()
    if wanted <= known:
        return
    active = {account.code for account in await store.accounts(org_id, wanted, session) if account.active}
    errors = [
        FieldError(f"line_items.{i}.account_code", "is not an active account of this organisation", "unknown_account")
        for lines in entries
        for i, line in enumerate(lines)
        if line.account_code not in active
    ]
    if errors:
        raise InvalidInput(*errors)
    if entrance is not None:
        await period_store.keep_active(session, org_id, entrance, active)


def new_entry(org_id: str, draft: EntryDraft, status: EntryStatus, now: datetime, user_id: str | None = None) -> JournalEntry:
    debit, credit = rules.totals(draft.lines)
    return JournalEntry(
        id=draft.id or new_id(ENTRY_PREFIX),
        created_at=now,
        org_id=org_id,
        status=status,
        date=draft.date,
        description=draft.description,
        reference=draft.reference,
        source_kind=draft.source.kind,
        source_id=draft.source.id,
        source_purpose=draft.source.purpose,
        lines=draft.lines,
        total_debit=debit,
        total_credit=credit,
        transaction_id=draft.transaction_id,
        transaction_hash=draft.transaction_hash,
        unpriced=draft.unpriced,
        posted_at=now if status is EntryStatus.POSTED else None,
        unsealed=status is EntryStatus.POSTED,
        uncosted=status is EntryStatus.POSTED and not draft.by_lots and rules.moves_assets(draft.lines),
        created_by=user_id,
    )


def reversal_of(entry: JournalEntry) -> Source:
    """The source of the one entry that takes it back."""
    return Source(kind=SourceKind.REVERSAL, id=entry.id, purpose="reversal")


def mirror_of(entry: JournalEntry, now: datetime, reason: str, on: date, by: str | None, status: EntryStatus = EntryStatus.POSTED) -> JournalEntry:
    draft = EntryDraft(
        date=on,
        description=f"Reversal: {entry.description} ({reason})",
        reference=entry.reference,
        source=reversal_of(entry),
        lines=rules.mirror(entry.lines),
        transaction_id=entry.transaction_id,
        transaction_hash=entry.transaction_hash,
    )
    mirror = new_entry(entry.org_id, draft, status, now, by)
    mirror.reverses = entry.id
    return mirror


async def count_all(session: Session, org_id: str, entries: Sequence[JournalEntry], now: datetime) -> None:
    """What a posting brings with it: the balances, and the fact."""
    await write_all(session, _counted(org_id, entries, now))


def _counted(org_id: str, entries: Sequence[JournalEntry], now: datetime) -> list[Writes]:
    return [
        store.additions_to_balances(org_id, [line for entry in entries for line in entry.lines], now),
        events.to_append([(org_id, JournalEntryPosted(**facts(entry))) for entry in entries], now),
    ]


def facts(entry: JournalEntry) -> dict[str, Any]:
    return {
        "entry_id": entry.id,
        "date": entry.date,
        "description": entry.description,
        "total": text(entry.total_debit),
        "source_kind": entry.source_kind.value,
        "transaction_id": entry.transaction_id,
        "transaction_hash": entry.transaction_hash,
        "unpriced": entry.unpriced,
    }


# ---- what a person did, for the audit log ----------------------------------------------------------------------------------------

_OF_ACCOUNT = ("code", "name", "account_type", "parent_code", "active")
_OF_ENTRY = ("status", "date", "description", "reference", "transaction_hash", "total_debit", "approved_by", "reversed_by")
_OF_LINE = ("account_code", "debit", "credit", "asset", "quantity", "description")


async def _record_account(session: Session, action: str, now: datetime, before: Account | None, after: Account | None) -> None:
    account = after or before
    assert account is not None
    was, became = ({name: getattr(row, name) for name in _OF_ACCOUNT} if row else None for row in (before, after))
    summary = f"{account.code} {account.name}: the account was {action.partition('.')[2]}."
    await audit.record(session, account.org_id, action, summary, now, subject=("ledger_account", account.id), before=was, after=became)


async def record_entry(session: Session, action: str, summary: str, now: datetime, before: JournalEntry | None, after: JournalEntry | None) -> None:
    entry = after or before
    assert entry is not None
    was, became = (_told_of(row) if row else None for row in (before, after))
    await audit.record(session, entry.org_id, action, summary, now, subject=("journal_entry", entry.id), before=was, after=became)


def _told_of(entry: JournalEntry) -> dict[str, Any]:
    lines = [{name: value for name in _OF_LINE if (value := getattr(line, name)) not in (None, "")} for line in entry.lines]
    return {name: getattr(entry, name) for name in _OF_ENTRY} | {"lines": lines}
