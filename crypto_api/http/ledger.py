"""/api/ledger/: the books as a whole."""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from crypto_api.flows.anchor_seal import AnchorPorts, anchor_seal
from crypto_api.flows.export_seals import export_seals
from crypto_api.flows.verify_ledger import verify_ledger as verify
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import PageQuery, page_read, page_request
from crypto_api.http.payments import desk_of
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.ledger import (
    AccountTotalRead,
    AnchorCreate,
    AnchorRead,
    GeneralLedgerQuery,
    GeneralLedgerRead,
    LedgerLineRead,
    SealHeadRead,
    TrialBalanceQuery,
    TrialBalanceRead,
    VerifyQuery,
    VerifyRead,
)
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.seals import Head, parse_head
from crypto_api.ledger import anchor_store, rules, seal_store, store
from crypto_api.ledger.types import AsOf
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Permission
from crypto_api.reports import as_of
from crypto_api.runtime import runtime_of

router = Router(tags=["books"])

SORTS = {"date": "date"}
PATIENCE_S = 0.5  # an answer is due within a second; whoever asks again meets what is booked then
ANCHOR_SORTS = {"created_at": "_id"}
NDJSON = "application/x-ndjson"


@router.get("/ledger/trial-balance/", response=TrialBalanceRead, summary="Debits and credits of every account")
@requires(Permission.LEDGER_READ)
async def get_trial_balance(request: HttpRequest, query: Query[TrialBalanceQuery]) -> HttpResponse:
    """As of two times: for the days up to `at`, with what was posted up to `known_at`. The same question has the same answer for ever, once
    `known_at` lies some seconds back."""
    org_id = org_of(request)
    organization = await organizations.get(org_id)
    if organization is None:
        raise NotFound
    names = {account.code: account for account in await store.accounts(org_id)}
    totals = await as_of.trial_balance(org_id, runtime_of(request.scope).uow, AsOf(query.at, query.known_at))
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
            known_at=query.known_at,
            currency=organization.functional_currency,
            accounts=rows,
            total_debit=debit,
            total_credit=credit,
            balanced=debit == credit,
            seal=await _seal(org_id),
        )
    )


@router.get("/ledger/general-ledger/", response=GeneralLedgerRead, summary="The lines of one account, with the balance behind each")
@requires(Permission.LEDGER_READ)
async def get_general_ledger(request: HttpRequest, query: Query[GeneralLedgerQuery]) -> HttpResponse:
    """Posted entries only. A page holds the lines of `limit` entries; `balance` is debit less credit up to and including the line, in the order of
    the days, whichever way the page is sorted."""
    scope = as_of.LedgerScope(query.account_code, query.wallet_id, query.asset, query.date_from, AsOf(query.date_to, query.known_at))
    found = await as_of.general_ledger(org_of(request), runtime_of(request.scope).uow, scope, page_request(query, SORTS, "-date"))
    return answer(
        GeneralLedgerRead(
            items=[LedgerLineRead.of(row, query.asset) for row in found.lines],
            next_cursor=found.next_cursor,
            total=found.total,
            opening_balance=rules.less(found.opening.debit, found.opening.credit),
            closing_balance=rules.less(found.closing.debit, found.closing.credit),
        )
    )


@router.get("/ledger/verify/", response=VerifyRead, summary="Recompute the books, and compare them with the chain")
@requires(Permission.LEDGER_READ)
async def verify_ledger(request: HttpRequest, query: Query[VerifyQuery]) -> HttpResponse:
    """Every entry, reversal, kept balance and kept sum, the chain of seals, and the quantity of every watched wallet and asset at the last block
    processed. `head` is a head of that chain which somebody noted down earlier: the chain must still go through it. Where something waits to be
    booked, the failure `bookings` says so. 503 when no node answers."""
    runtime = runtime_of(request.scope)
    report = await verify(runtime.uow, org_of(request), runtime.networks, runtime.rpc, noted=_noted(query.head), patience_s=PATIENCE_S)
    return answer(VerifyRead.of(report))


@router.get("/ledger/seals/", response=SealHeadRead, summary="The head of the chain of seals")
@requires(Permission.LEDGER_READ)
async def get_seal_head(request: HttpRequest) -> HttpResponse:
    """Whoever notes it down can tell later that no entry up to it was altered, taken away or put in."""
    return answer(await _seal(org_of(request)))


@router.get("/ledger/seals/export/", summary="Every sealed entry as a file that verifies itself")
@requires(Permission.LEDGER_READ)
async def export_ledger_seals(request: HttpRequest) -> StreamingHttpResponse:
    """JSON, one object a line, each with an entry byte for byte as it was sealed. `python -m crypto_api.ledger.verify FILE` follows the chain with
    nothing but the file. That it was taken is recorded."""
    runtime = runtime_of(request.scope)
    response = StreamingHttpResponse(await export_seals(runtime.uow, runtime.clock, org_of(request)), content_type=NDJSON)
    response["Content-Disposition"] = 'attachment; filename="ledger-seals.ndjson"'
    return response


@router.get("/ledger/anchors/", response=PageRead[AnchorRead], summary="Where heads of the chain of seals stand on a blockchain")
@requires(Permission.LEDGER_READ)
async def list_seal_anchors(request: HttpRequest, query: Query[PageQuery]) -> HttpResponse:
    page = await anchor_store.page(org_of(request), page_request(query, ANCHOR_SORTS, "-created_at"))
    return answer(page_read(page, AnchorRead.of))


@router.post("/ledger/anchors/", response={200: AnchorRead, 201: AnchorRead}, summary="Record that a transaction holds the hash of a seal")
@requires(Permission.LEDGER_CLOSE)
@idempotent
async def record_seal_anchor(request: HttpRequest, body: AnchorCreate) -> HttpResponse:
    """Anybody may send it, by any means, with the 32 bytes that `GET …/seals/` gives as `calldata` anywhere in its input of up to 4,096 bytes. Input,
    receipt and block are read from the network's nodes; the block must be final by the rule of the network. 422 `no_seal` where the input holds no
    seal's hash of these books, `transaction_reverted`; 409 `not_mined`, `not_final`; 503 when no node answers. A transaction that is recorded already
    is answered again, with 200."""
    runtime, user_id, desk = runtime_of(request.scope), principal_of(request).user_id, desk_of(request)
    ports = AnchorPorts(runtime.networks, desk.nodes, runtime.rpc)
    row, new = await anchor_seal(runtime.uow, runtime.clock, ports, org_of(request), user_id, body.network, body.transaction_hash)
    return answer(AnchorRead.of(row), status=201 if new else 200)


async def _seal(org_id: str) -> SealHeadRead:
    head, at, anchor = await seal_store.head(org_id), await seal_store.sealed_at(org_id), await anchor_store.latest(org_id)
    return SealHeadRead(
        seq=head.seq,
        hash=head.hash,
        sealed_at=at,
        waiting=await seal_store.waiting(org_id),
        calldata=f"0x{head.hash}" if head.seq else None,
        anchor=AnchorRead.of(anchor) if anchor is not None else None,
    )


def _noted(said: str | None) -> Head | None:
    try:
        return parse_head(said) if said is not None else None
    except ValueError as error:
        raise InvalidInput.of("head", str(error), "invalid_head") from error
