"""/api/ledger/: the books as a whole."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.verify_ledger import verify_ledger as verify
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of
from crypto_api.http.paging import page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.ledger import (
    AccountTotalRead,
    GeneralLedgerQuery,
    LedgerLineRead,
    TrialBalanceQuery,
    TrialBalanceRead,
    VerifyRead,
)
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.errors import NotFound
from crypto_api.ledger import rules, store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["books"])

SORTS = {"date": "date"}


@router.get("/ledger/trial-balance/", response=TrialBalanceRead, summary="Debits and credits of every account")
@requires(Permission.LEDGER_READ)
async def get_trial_balance(request: HttpRequest, query: Query[TrialBalanceQuery]) -> HttpResponse:
    org_id = org_of(request)
    organization = await organizations.get(org_id)
    if organization is None:
        raise NotFound
    names = {account.code: account for account in await store.accounts(org_id)}
    totals = await store.trial_balance(org_id, query.at)
    rows = [
        AccountTotalRead(
            account_code=row.account_code,
            name=names[row.account_code].name,
            account_type=names[row.account_code].account_type,
            debit=row.debit,
            credit=row.credit,
            balance=rules.less(row.debit, row.credit),
        )
        for row in totals
    ]
    debit, credit = add_exactly([row.debit for row in totals]), add_exactly([row.credit for row in totals])
    return answer(
        TrialBalanceRead(
            at=query.at,
            currency=organization.functional_currency,
            accounts=rows,
            total_debit=debit,
            total_credit=credit,
            balanced=debit == credit,
        )
    )


@router.get("/ledger/general-ledger/", response=PageRead[LedgerLineRead], summary="The lines of one account")
@requires(Permission.LEDGER_READ)
async def get_general_ledger(request: HttpRequest, query: Query[GeneralLedgerQuery]) -> HttpResponse:
    """Posted entries only. A page holds the lines of `limit` entries."""
    days = {"$gte": query.date_from, "$lte": query.date_to}
    bounds = {operator: store.day_as_stored(day) for operator, day in days.items() if day is not None}
    page = await store.page_of_lines(org_of(request), query.account_code, query.wallet_id, bounds, page_request(query, SORTS, "-date"))
    items = [row for entry in page.items for row in _lines(entry, query)]
    return answer(PageRead[LedgerLineRead](items=items, next_cursor=page.next_cursor, total=page.total))


def _lines(entry: JournalEntry, query: GeneralLedgerQuery) -> list[LedgerLineRead]:
    return [
        LedgerLineRead(
            entry_id=entry.id,
            date=entry.date,
            entry_description=entry.description,
            description=line.description,
            source=entry.source_kind,
            transaction_hash=entry.transaction_hash,
            debit_amount=line.debit,
            credit_amount=line.credit,
            asset=line.asset,
            quantity=line.quantity,
            wallet_id=line.wallet_id,
        )
        for line in entry.lines
        if line.account_code == query.account_code and query.wallet_id in (None, line.wallet_id)
    ]


@router.get("/ledger/verify/", response=VerifyRead, summary="Recompute the books, and compare them with the chain")
@requires(Permission.LEDGER_READ)
async def verify_ledger(request: HttpRequest) -> HttpResponse:
    """Every entry, reversal and kept balance, and the quantity of every watched wallet and asset at the last block processed. 503 when no
    node answers."""
    runtime = runtime_of(request.scope)
    report = await verify(runtime.uow, org_of(request), runtime.networks, runtime.rpc)
    return answer(VerifyRead.of(report))
