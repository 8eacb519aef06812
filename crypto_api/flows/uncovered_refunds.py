"""A client was given back what left the chain afterwards: a debit stands on 2150 until it comes back, or until a person says that it is lost.

The inbox tells it (`inbox_findings.py`). Most of the time the same transaction stands in another block a moment later and nothing is left to do;
whoever paid can also send it again. If not, what went back is written off: debit the account that a person names, credit 2150. When the payment
comes back after all, that entry is reversed (`take_back_receipts.py`), and never both stand.
"""

from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.flows.book_difference import Explanation, check_account
from crypto_api.kit.amounts import add_exactly, text
from crypto_api.kit.clock import Clock, day_of
from crypto_api.ledger import service as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, EntryDraft, Line, Source, SourceKind
from crypto_api.organizations import store as organizations
from crypto_api.receivables import service
from mongodb_config.unit_of_work import Session, UnitOfWork


async def write_off(uow: UnitOfWork, clock: Clock, org_id: str, receipt_id: str, explanation: Explanation) -> JournalEntry | None:
    """What of it was given back and settled. None where there is nothing (any more). NotFound, InvalidInput for the account."""
    await check_account(org_id, explanation.account_code)
    return await uow.run(lambda session: _write_off(session, org_id, receipt_id, explanation, clock.now()))


async def _write_off(session: Session, org_id: str, receipt_id: str, explanation: Explanation, now: datetime) -> JournalEntry | None:
    receipt, organization = await service.standing(session, org_id, receipt_id), await organizations.get(org_id, session)
    assert organization is not None
    settled = [use for use in receipt.uncovered if use.settled]
    worth = add_exactly([use.value for use in settled])
    if not settled or worth <= 0:
        return None
    lost = add_exactly([use.quantity for use in settled])
    draft = EntryDraft(
        date=day_of(now, organization.time_zone),
        description=f"{text(lost)} {receipt.symbol} went back that never came: {explanation.reason}"[:200],
        reference=receipt.hash,
        source=Source(kind=SourceKind.INVOICE_PAYMENT, id=settled[0].id, purpose=f"write-off {receipt.version}"),
        lines=[Line(account_code=explanation.account_code, debit=worth), Line(account_code=AccountCode.UNAPPLIED, credit=worth)],
    )
    entry = await ledger.post(session, org_id, draft, now, by=explanation.by)
    gone = {use.id for use in settled}
    uses = [use.model_copy(update={"written_off": entry.id}) if use.id in gone else use for use in receipt.uses]
    await service.put(session, receipt, {"uses": uses}, now, None)
    told: dict[str, object] = {"entry": entry.id, "account": explanation.account_code, "value": worth}
    summary = f"Wrote off {text(lost)} {receipt.symbol} that went back and never came"
    await audit.record(session, org_id, "receipt.written_off", summary, now, subject=("receipt", receipt.id), after=told)
    return entry
