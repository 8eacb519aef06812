"""Closing a month: only when everything agrees, with a certificate of what was found; and reopening it.

    gate (read beside everything else) ─ any reason → PeriodNotReady, naming all
      └ unit of work: the guard of all postings → drafts, seals, lots and balances once more → certificate, period, event

A posting touches the guard as well (`ledger/period_store.py`): one that is on its way either is in the certificate, or finds the period closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.flows.close_gate import Networks, checks_of, lots_settled
from crypto_api.identity import store as identities
from crypto_api.kit.amounts import add_exactly, text
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.errors import NotFound
from crypto_api.kit.ids import new_id
from crypto_api.ledger import day_store, period_store, rules, seal_store, store
from crypto_api.ledger.documents import LedgerPeriod, PeriodCertificate
from crypto_api.ledger.errors import ChangedMeanwhile, LaterPeriodClosed, PeriodAlreadyClosed, PeriodNotClosed, PeriodNotReady
from crypto_api.ledger.events import PeriodWasClosed, PeriodWasReopened
from crypto_api.ledger.types import AsOf, CertifiedTotal, GateCheck, PeriodStatus, Sums
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class PeriodState:
    """A month as a list shows it."""

    period: str
    status: PeriodStatus
    row: LedgerPeriod | None  # None: it was never closed


async def list_periods(org_id: str, clock: Clock) -> list[PeriodState]:
    """From the month of the first entry to the current one, latest first."""
    organization = await _organization(org_id)
    known = {row.period: row for row in await period_store.periods(org_id)}
    first, day = await day_store.first_day(org_id), _today(organization, clock.now())
    names, found = {*known}, []
    while first is not None and day >= first.replace(day=1):
        names.add(rules.period_of(day))
        day = day.replace(day=1) - timedelta(days=1)
    for name in sorted(names, reverse=True):
        row = known.get(name)
        found.append(PeriodState(name, row.status if row else PeriodStatus.OPEN, row))
    return found


async def look_at_period(uow: UnitOfWork, clock: Clock, networks: Networks, org_id: str, period: str) -> list[GateCheck]:
    """Everything that it would be closed upon, as it is now."""
    organization = await _organization(org_id)
    return await checks_of(uow, networks, organization, period, _today(organization, clock.now()))


async def close_period(uow: UnitOfWork, clock: Clock, networks: Networks, org_id: str, period: str, user_id: str) -> PeriodCertificate:
    """PeriodNotReady with every reason; PeriodAlreadyClosed."""
    organization, now = await _organization(org_id), clock.now()
    known = await period_store.period(org_id, period)
    if known is not None and known.status is PeriodStatus.CLOSED:
        raise PeriodAlreadyClosed
    checks = await checks_of(uow, networks, organization, period, _today(organization, now))
    if not all(check.passed for check in checks):
        raise PeriodNotReady(checks)
    people = await identities.users([user_id])
    name = " ".join(filter(None, (people[0].first_name, people[0].last_name))) or people[0].username if people else user_id

    async def work(session: Session) -> PeriodCertificate:
        return await _close(session, organization, period, checks, (user_id, name), now)

    return await uow.run(work)


async def _close(
    session: Session, organization: Organization, period: str, checks: Sequence[GateCheck], who: tuple[str, str], now: datetime
) -> PeriodCertificate:
    org_id, (_, last) = organization.id, rules.days_of(period)
    before = await period_store.period(org_id, period, session)
    if before is not None and before.status is PeriodStatus.CLOSED:
        raise PeriodAlreadyClosed
    await period_store.set_closed_through(session, org_id, last, now)
    # between the gate and here somebody may have posted: what no longer holds is said, nothing is closed
    late = [GateCheck(name="drafts", passed=False, detail=f"{len(rows)} drafts came in.") for rows in [await _drafts(session, org_id, last)] if rows]
    if late or await period_store.unsealed_up_to(org_id, last, session):
        raise PeriodNotReady(late or [GateCheck(name="seals", passed=False, detail="Entries came in a moment ago and have no seal yet.")])
    if not (lots := await lots_settled(organization, session)).passed:
        raise PeriodNotReady([lots])
    certificate = await _certificate(session, organization, period, checks, who, now)
    await period_store.add_certificate(session, certificate)
    row = LedgerPeriod(
        id=f"{org_id}:{period}",
        created_at=before.created_at if before else now,
        org_id=org_id,
        period=period,
        status=PeriodStatus.CLOSED,
        certificate_id=certificate.id,
        closed_at=now,
        closed_by=who[0],
        version=before.version + 1 if before else 1,
    )
    if not await period_store.put_period(session, org_id, row, before.version if before else 0):
        raise ChangedMeanwhile
    await events.append(session, org_id, PeriodWasClosed(period=period, certificate_id=certificate.id), now)
    after = {"period": period, "certificate": certificate.id, "digest": certificate.digest, "entries": certificate.entries}
    await audit.record(session, org_id, "ledger_period.closed", f"{period} was closed.", now, subject=("ledger_period", period), after=after)
    return certificate


async def _drafts(session: Session, org_id: str, last: date) -> list[str]:
    return [row.id for row in await period_store.drafts_up_to(org_id, last, session)]


async def _certificate(
    session: Session, organization: Organization, period: str, checks: Sequence[GateCheck], who: tuple[str, str], now: datetime
) -> PeriodCertificate:
    org_id, (first, last) = organization.id, rules.days_of(period)
    head, names = await seal_store.head(org_id, session), {row.code: row.name for row in await store.accounts(org_id, session=session)}
    by_account: dict[str, list[Sums]] = {}
    for (code, _, _), part in (await seal_store.sums(session, org_id, AsOf(at=last))).items():
        by_account.setdefault(code, []).append(part)
    totals = [
        CertifiedTotal(
            account_code=code,
            name=names.get(code, code),
            debit=add_exactly([part.debit for part in parts]),
            credit=add_exactly([part.credit for part in parts]),
        )
        for code, parts in sorted(by_account.items())
    ]
    entries = await day_store.counted_between(org_id, first, last, session)
    row = PeriodCertificate(
        id=new_id("crt"),
        created_at=now,
        org_id=org_id,
        period=period,
        closed_through=last,
        issued_by=who[0],
        issuer=who[1],
        checks=list(checks),
        totals=totals,
        currency=organization.functional_currency,
        entries=entries,
        seal_seq=head.seq,
        seal_hash=head.hash,
        digest="",
    )
    row.digest = digest_of(row)
    return row


def digest_of(row: PeriodCertificate) -> str:
    """What a printed certificate can be compared with the stored one by."""
    return rules.certificate_digest(
        {
            "id": row.id,
            "organization": row.org_id,
            "period": row.period,
            "issued_at": row.created_at,
            "issued_by": row.issued_by,
            "checks": [check.model_dump() for check in row.checks],
            "totals": [[total.account_code, text(total.debit), text(total.credit)] for total in row.totals],
            "currency": row.currency,
            "entries": row.entries,
            "seal": f"{row.seal_seq}:{row.seal_hash}",
        }
    )


async def reopen_period(uow: UnitOfWork, clock: Clock, org_id: str, period: str, user_id: str, reason: str) -> LedgerPeriod:
    """PeriodNotClosed; LaterPeriodClosed unless it is the last one that is closed. Its certificate stays; closing it again makes another."""
    now = clock.now()

    async def work(session: Session) -> LedgerPeriod:
        row = await period_store.period(org_id, period, session)
        if row is None or row.status is not PeriodStatus.CLOSED:
            raise PeriodNotClosed
        latest = await period_store.latest_closed(org_id, session)
        if latest is not None and latest.period != period:
            raise LaterPeriodClosed(latest.period)
        changes = {"status": PeriodStatus.OPEN, "reopened_at": now, "reopened_by": user_id, "reopened_reason": reason, "version": row.version + 1}
        changed: LedgerPeriod = row.model_copy(update=changes)
        if not await period_store.put_period(session, org_id, changed, row.version):
            raise ChangedMeanwhile
        earlier = [one for one in await period_store.periods(org_id, session) if one.status is PeriodStatus.CLOSED and one.period < period]
        await period_store.set_closed_through(session, org_id, rules.days_of(earlier[0].period)[1] if earlier else None, now)
        await events.append(session, org_id, PeriodWasReopened(period=period, reason=reason), now)
        summary = f"{period} was reopened: {reason}"
        after = {"period": period, "reason": reason}
        await audit.record(session, org_id, "ledger_period.reopened", summary, now, subject=("ledger_period", period), after=after)
        return changed

    return await uow.run(work)


async def _organization(org_id: str) -> Organization:
    organization = await organizations.get(org_id)
    if organization is None:
        raise NotFound
    return organization


def _today(organization: Organization, now: datetime) -> date:
    return day_of(now, organization.time_zone)
