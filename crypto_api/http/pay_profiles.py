"""/api/employees/{employee_id}/pay/: what an employee earns; and, for the employees themselves, where they are paid and what a year came to."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.flows.employee_scope import visible_employee
from crypto_api.flows.ethereum_challenge import Signed
from crypto_api.flows.pay_wallet import OwnPay, begin_pay_wallet, own_employee, own_pay, pay_of, prove_pay_wallet
from crypto_api.flows.read_payslips import year_summaries
from crypto_api.http.address_book import desk_of
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.ethereum_log_in import TextRead
from crypto_api.http.schemas.pay_profiles import PayProfileRead, PayProfileUpdate, PayWalletProof, PayWalletText
from crypto_api.http.schemas.payslips import YearsRead, YearSummaryRead
from crypto_api.identity.siwe import site_of
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.organizations.types import Permission
from crypto_api.payroll import service
from crypto_api.runtime import runtime_of

router = Router(tags=["payroll"])


@router.get("/employees/me/pay/", response=PayProfileRead, summary="What I earn, and where I am paid")
@requires(Permission.ORGANIZATION_READ)
async def get_own_pay(request: HttpRequest) -> HttpResponse:
    return _one(await own_pay(principal_of(request)))


@router.get("/employees/me/pay/years/", response=YearsRead, summary="What I earned in each year")
@requires(Permission.ORGANIZATION_READ)
async def list_own_years(request: HttpRequest) -> HttpResponse:
    """By the day of payment, of payslips that were approved."""
    employee = await own_employee(principal_of(request))
    rows = await year_summaries(employee.org_id, employee.id)
    return answer(YearsRead(items=[YearSummaryRead.of(row) for row in rows]))


@router.post("/employees/me/wallet/challenge/", response=TextRead, summary="Get the text that proves a wallet to be mine")
@requires(Permission.ORGANIZATION_READ)
async def begin_own_wallet(request: HttpRequest, body: PayWalletText) -> HttpResponse:
    """To be signed by the wallet within five minutes; good for one answer of this session. For verified employees with a pay profile."""
    runtime = runtime_of(request.scope)
    slug = body.network or next(iter(runtime.networks), None)
    if slug is None or slug not in runtime.networks:
        raise InvalidInput.of("network", f"must be one of {', '.join(runtime.networks)}", "unknown_network")
    site, chain_id = site_of(runtime.config.frontend_url), runtime.networks[slug].chain_id
    challenge = await begin_pay_wallet(desk_of(request), site, principal_of(request), body.address, chain_id)
    return answer(TextRead(message=challenge.message, nonce=challenge.nonce, expires_at=challenge.expires_at))


@router.post("/employees/me/wallet/", response=PayProfileRead, summary="Prove where I am to be paid")
@requires(Permission.ORGANIZATION_READ)
@idempotent
async def prove_own_wallet(request: HttpRequest, body: PayWalletProof) -> HttpResponse:
    """By the wallet's key (EIP-191) or a contract wallet (EIP-1271). The address stands in the address book, unverified: another person verifies it
    there, and it cools off before anybody is paid at it, the first one as well as each change."""
    runtime = runtime_of(request.scope)
    chains = {network.chain_id: runtime.rpc[slug] for slug, network in runtime.networks.items()}
    signed = Signed(body.message, body.signature)
    return _one(await prove_pay_wallet(desk_of(request), chains, principal_of(request), signed, confirm_look_alike=body.confirm_look_alike))


@router.get("/employees/{employee_id}/pay/", response=PayProfileRead, summary="What an employee earns")
@requires(Permission.PAYROLL_READ)
async def get_pay_profile(request: HttpRequest, employee_id: str) -> HttpResponse:
    return _one(await pay_of(await visible_employee(principal_of(request), employee_id)))


@router.put("/employees/{employee_id}/pay/", response=PayProfileRead, summary="Write what an employee earns")
@requires(Permission.PAYROLL_WRITE)
async def update_pay_profile(request: HttpRequest, employee_id: str, body: PayProfileUpdate) -> HttpResponse:
    """It counts for what is prepared from then on. The wallet is the employee's to prove."""
    runtime, org_id, by, versions = runtime_of(request.scope), org_of(request), principal_of(request).user_id, expected_versions(request)
    employee, fields = await visible_employee(principal_of(request), employee_id), body.fields()
    known = {asset for network in runtime.networks.values() for asset in (network.native_asset, *(token.symbol for token in network.listed()))}
    for place, share in enumerate(fields.get("shares", ())):
        if share.asset is not None and share.asset not in known:
            raise InvalidInput.of(f"shares.{place}.asset", "is no listed asset of a configured network", "unknown_asset")
    await runtime.uow.run(lambda session: service.write_profile(session, org_id, employee.id, fields, versions, by, runtime.clock.now()))
    return _one(await pay_of(employee))


def _one(found: OwnPay) -> HttpResponse:
    if found.profile is None:
        raise NotFound
    return answer(PayProfileRead.of(found), version=found.profile.version)
