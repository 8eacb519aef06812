"""/api/address-book/: who may be paid at which address."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.address_book import store
from crypto_api.address_book.types import PayeeState
from crypto_api.flows.keep_address_book import Desk, add_payee, change_payee, reject_payee, remove_payee, verify_payee
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import approved, requires
from crypto_api.http.schemas.address_book import PayeeCreate, PayeeQuery, PayeeRead, PayeeUpdate, PayeeVerify
from crypto_api.http.schemas.base import PageRead
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from mongodb_config.pages import contains

router = Router(tags=["payments"])

SORTS = {"created_at": "_id", "name": "name_folded", "state": "state", "updated_at": "updated_at"}


@router.get("/address-book/", response=PageRead[PayeeRead], summary="List the address book")
@requires(Permission.ADDRESS_BOOK_READ)
async def list_payees(request: HttpRequest, query: Query[PayeeQuery]) -> HttpResponse:
    where: dict[str, Any] = {"state": query.state if query.state is not None else {"$ne": PayeeState.REMOVED}}
    if query.network is not None:
        where["network"] = {"$in": [None, query.network]}
    if query.q is not None:
        where["$or"] = [{field: contains(query.q)} for field in ("name", "address", "note")]
    page = await store.page(org_of(request), where, page_request(query, SORTS, "name"))
    return answer(page_read(page, PayeeRead.of))


@router.post("/address-book/", response={201: PayeeRead}, summary="Write down a payee")
@requires(Permission.ADDRESS_BOOK_WRITE)
@idempotent
async def create_payee(request: HttpRequest, body: PayeeCreate) -> HttpResponse:
    """Unverified: somebody else verifies it. An address that looks like a known one is refused (422 `look_alike`) unless `confirm_look_alike` is
    true. `warnings` says what else was found."""
    payee = await add_payee(desk_of(request), principal_of(request), org_of(request), body.new(), confirm_look_alike=body.confirm_look_alike)
    return answer(PayeeRead.of(payee), status=201, version=payee.version)


@router.get("/address-book/{payee_id}/", response=PayeeRead, summary="Get a payee")
@requires(Permission.ADDRESS_BOOK_READ)
async def get_payee(request: HttpRequest, payee_id: str) -> HttpResponse:
    """Also one that was removed: its history is kept."""
    payee = await store.get(org_of(request), payee_id)
    if payee is None:
        raise NotFound
    return answer(PayeeRead.of(payee), version=payee.version)


@router.put("/address-book/{payee_id}/", response=PayeeRead, summary="Change a payee")
@requires(Permission.ADDRESS_BOOK_WRITE)
async def update_payee(request: HttpRequest, payee_id: str, body: PayeeUpdate) -> HttpResponse:
    """What is left out stays as it is. With another address or network it is unverified again, and cools off anew once it is verified."""
    payee = await change_payee(
        desk_of(request),
        principal_of(request),
        org_of(request),
        payee_id,
        body.fields(),
        expected_versions(request),
        confirm_look_alike=body.confirm_look_alike,
    )
    return answer(PayeeRead.of(payee), version=payee.version)


@router.delete("/address-book/{payee_id}/", response={204: None}, summary="Remove a payee")
@requires(Permission.ADDRESS_BOOK_WRITE)
async def delete_payee(request: HttpRequest, payee_id: str) -> HttpResponse:
    """Nobody is paid there any more. What was paid still names it."""
    await remove_payee(desk_of(request), org_of(request), payee_id, expected_versions(request))
    return no_content()


@router.post("/address-book/{payee_id}/verify/", response=PayeeRead, summary="Verify the address of a payee")
@requires(Permission.ADDRESS_BOOK_VERIFY)
@approved(Purpose.KEYS)
@idempotent
async def verify_payee_address(request: HttpRequest, payee_id: str, body: PayeeVerify) -> HttpResponse:
    """By somebody else than who wrote the address down (403 `own_entry`), after comparing it with what the payee says, best by another way than
    the one by which it came. It is payable from `payable_from` on."""
    payee = await verify_payee(desk_of(request), principal_of(request), org_of(request), payee_id, body.address, expected_versions(request))
    return answer(PayeeRead.of(payee), version=payee.version)


@router.post("/address-book/{payee_id}/reject/", response=PayeeRead, summary="Reject the address of a payee")
@requires(Permission.ADDRESS_BOOK_VERIFY)
@approved(Purpose.KEYS)
@idempotent
async def reject_payee_address(request: HttpRequest, payee_id: str) -> HttpResponse:
    """Also what was verified before. It is written down anew if it was right after all."""
    payee = await reject_payee(desk_of(request), principal_of(request), org_of(request), payee_id, expected_versions(request))
    return answer(PayeeRead.of(payee), version=payee.version)


def desk_of(request: HttpRequest) -> Desk:
    runtime = runtime_of(request.scope)
    return Desk(runtime.uow, runtime.clock, runtime.networks, runtime.rpc)
