"""What of a payslip is paid by bank or in cash, told by a person: it settles its part of what is owed, and what the rate has gained or lost since the
approval is realised (IAS 21.28). The entry and the payslip's state are one unit of work."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from crypto_api.flows.issue_invoice import Counter, rate_of
from crypto_api.flows.settle_invoice import settlement_lines
from crypto_api.kit.amounts import multiply, to_functional
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.ledger import service as ledger
from crypto_api.ledger.types import AccountCode, EntryDraft, Source, SourceKind
from crypto_api.organizations import store as organizations
from crypto_api.payroll import rules, service, store
from crypto_api.payroll.documents import Payslip
from crypto_api.payroll.errors import WrongPayslipState
from crypto_api.payroll.events import PayslipMoved, PayslipPaid
from crypto_api.payroll.types import PayMethod, PayslipStatus
from mongodb_config.unit_of_work import Session


@dataclass(frozen=True)
class PaidByHand:
    """As a person tells it. `day` None: today in the organisation's time zone."""

    account_code: str = AccountCode.CASH
    day: date | None = None
    reference: str = ""


async def pay_by_hand(counter: Counter, payslip_id: str, told: PaidByHand, versions: service.Versions = None) -> Payslip:
    """All of its shares that are paid by bank or in cash, once. NotFound, PreconditionFailed, WrongPayslipState, NoRate, InvalidInput."""
    seen, organization = await store.payslip(counter.org_id, payslip_id), await organizations.get(counter.org_id)
    if seen is None:
        raise NotFound
    assert organization is not None
    today = day_of(counter.clock.now(), organization.time_zone)
    day = told.day or today
    if day > today:
        raise InvalidInput.of("date", "is in the future", "in_the_future")
    if told.account_code not in await ledger.money_accounts(counter.org_id) and told.account_code != AccountCode.CASH:
        raise InvalidInput.of("account_code", "is no account that money can lie on", "unknown_account")
    rate = await rate_of(counter, seen.currency, organization.functional_currency, None, day)

    async def work(session: Session) -> Payslip:
        now = counter.clock.now()
        before = await service.standing(session, counter.org_id, payslip_id, versions)
        places = _places(before)
        amount = sum((before.shares[place].amount for place in places), Decimal(0))
        settles = sum((before.shares[place].settles for place in places), Decimal(0))
        draft = EntryDraft(
            date=day,
            description=f"Paid {before.employee_name} {amount} {before.currency}",
            source=Source(kind=SourceKind.PAYSLIP_PAYMENT, id=before.id, purpose="by hand"),
            lines=settlement_lines(AccountCode.PAYROLL_PAYABLE, told.account_code, settles, to_functional(multiply(amount, rate.value))),
            reference=told.reference or before.id,
        )
        await ledger.post(session, counter.org_id, draft, now, by=counter.user_id)
        states = [row.state for row in (await store.payouts_of_payslips(before.org_id, [before.id], session)).get(before.id, ())]
        status = rules.status_of(len(before.shares), len(places), states)
        paid = status is PayslipStatus.PAID
        changes = {"hand_paid": places, "hand_paid_on": day, "hand_reference": told.reference, "status": status, "paid_at": now if paid else None}
        summary, kind = f"Told that {before.employee_name} was paid by bank or in cash", PayslipPaid if paid else PayslipMoved
        after = await service.change(session, before, changes, "payslip.paid_by_hand", summary, now, kind)
        await service.settle_period(session, counter.org_id, before.period_id, now)
        return after

    return await counter.uow.run(work)


def _places(row: Payslip) -> list[int]:
    """Of the shares that are paid so."""
    if row.status is PayslipStatus.DRAFT:
        raise WrongPayslipState("It is a draft: it is approved first.")
    places = [place for place, share in enumerate(row.shares) if share.method is not PayMethod.CRYPTO]
    if not places:
        raise WrongPayslipState("Nothing of it is paid by bank or in cash.")
    if row.hand_paid:
        raise WrongPayslipState("What of it is paid by bank or in cash was paid already.")
    return places
