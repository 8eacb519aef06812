"""Two payrolls of the sample organisation: last month's, which is paid on the chain once the workers are up, and this month's, which waits for
somebody's approval.

    prepared by the controller → approved and ordered by the founder → its payments approved by the head of finance → paid by the workers

Each step looks at what is stored, so an interrupted start is gone on with, and what a visitor did stays done.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pymongo.errors import PyMongoError

from crypto_api.address_book import store as address_book
from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config
from crypto_api.desks import payment_desk_of
from crypto_api.employees import store as employees
from crypto_api.flows.advance_payroll import approve_run
from crypto_api.flows.issue_invoice import Counter
from crypto_api.flows.pay_payroll import order_payroll
from crypto_api.flows.run_payroll import approve_period, process_period
from crypto_api.identity import store as identity
from crypto_api.kit import log
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import CoreError
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import PERMISSIONS, Principal
from crypto_api.payments.batch import BATCH_CONTRACT, deployment
from crypto_api.payments.batch_code import PACKED_BATCH_CREATION
from crypto_api.payroll import service, store
from crypto_api.payroll.types import NewPeriod, PayMethod, PayrollStatus, ShareRule
from crypto_api.runtime import Runtime
from crypto_api.wallets import store as wallets
from crypto_project.demo import cast
from crypto_project.demo.chain import ChainActor

SHARES = (
    ShareRule(method=PayMethod.CRYPTO, percent=Decimal(15), asset="ETH"),
    ShareRule(method=PayMethod.CRYPTO, percent=Decimal(85), asset="USDC"),
)
CURRENCY = "USD"
BASIC = {"ada.moreau": "6850", "jonas.weber": "5400", "priya.nair": "6100"}
PAUSE_S = 2.0
DEPLOY_GAS = 2_000_000

logger = log.get(__name__)


# ---- before anything runs --------------------------------------------------------------------------------------------------------


async def make_payrolls(runtime: Runtime, org_id: str, by: str) -> None:
    """Drafts for everybody, `by` the controller. Months that are there already stay as they are."""
    for outsider in cast.EMPLOYEES[: len(BASIC)]:
        await _earns(runtime, org_id, outsider, by)
    organization = await organizations.get(org_id)
    assert organization is not None
    this_month = day_of(runtime.clock.now(), organization.time_zone).replace(day=1)
    for first in ((this_month - timedelta(days=1)).replace(day=1), this_month):
        if await store.period_from(org_id, first, CURRENCY) is None:
            last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            new = NewPeriod(f"{first:%B %Y}", first, last, last, CURRENCY)
            row = await runtime.uow.run(lambda session, new=new: service.add_period(session, org_id, new, by, runtime.clock.now()))  # type: ignore[misc]
            await process_period(runtime.uow, runtime.clock, org_id, row.id, None, by)


async def _earns(runtime: Runtime, org_id: str, outsider: cast.Outsider, by: str) -> None:
    """What they earn, and their wallet, which stands in the address book already."""
    email = f"{outsider.name.lower().replace(' ', '.')}@northwind.example"
    (employee,) = await employees.by_email(org_id, email)
    (payee,) = await address_book.at(org_id, outsider.account.address)
    if await store.profile(org_id, employee.id) is not None:
        return
    now = runtime.clock.now()
    fields = {"currency": CURRENCY, "basic": Decimal(BASIC[email.split("@")[0]]), "shares": list(SHARES), "tax_table": "EXAMPLE"}
    await runtime.uow.run(lambda session: service.write_profile(session, org_id, employee.id, fields, None, by, now))
    profile = await service.profile_of(org_id, employee.id)
    await runtime.uow.run(lambda session: service.note_wallet(session, profile, payee.id, payee.address, now))


async def deploy_batch_contract(actor: ChainActor) -> None:
    """By the deployment proxy, which a development chain has."""
    if await actor.rpc("eth_getCode", BATCH_CONTRACT, "latest") == "0x":
        call, (payer, *_) = deployment(PACKED_BATCH_CREATION), await actor.rpc("eth_accounts")
        await actor.rpc("eth_sendTransaction", {"from": payer, "to": call.to, "data": call.data, "gas": hex(DEPLOY_GAS)})


# ---- once everything runs --------------------------------------------------------------------------------------------------------


async def payday(config: Config, org_id: str, stop: asyncio.Event, before: Coroutine[Any, Any, None] | None = None) -> None:
    """Last month's payroll, until it is paid; what cannot be done yet (no price, no money on the wallet) is tried again. `before` comes first."""
    if before is not None:
        await before
    async with open_runtime(config) as runtime:
        while not stop.is_set():
            try:
                if await _go_on(runtime, org_id):
                    return
            except (CoreError, PyMongoError) as problem:
                logger.info("demo_payday_waits", problem=str(problem))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PAUSE_S)


async def _go_on(runtime: Runtime, org_id: str) -> bool:
    """One step further; True when there is nothing left to do, or a visitor took it over."""
    organization = await organizations.get(org_id)
    assert organization is not None
    first = day_of(runtime.clock.now(), organization.time_zone).replace(day=1)
    period = await store.period_from(org_id, (first - timedelta(days=1)).replace(day=1), CURRENCY)
    if period is None or period.status in (PayrollStatus.DRAFT, PayrollStatus.PAID):
        return True
    founder, desk = await _person(runtime, org_id, cast.FOUNDER), payment_desk_of(runtime)
    if period.status is PayrollStatus.PREPARED:
        counter = Counter(runtime.uow, runtime.clock, org_id, founder.user_id, desk.prices)
        await approve_period(counter, founder, period.id)
    elif period.status is PayrollStatus.APPROVED:
        wallet = next(row for row in await wallets.active(org_id) if row.address == cast.PAYOUTS.account.address)
        await order_payroll(desk, founder, org_id, period.id, wallet.id)
    else:
        await approve_run(desk, await _person(runtime, org_id, cast.STAFF[1]), org_id, period.id)
    return False


async def _person(runtime: Runtime, org_id: str, person: cast.Person) -> Principal:
    user = await identity.user_by_email(person.email)
    assert user is not None, "the demo made them"
    later = runtime.clock.now() + timedelta(minutes=1)
    return Principal(user.id, org_id, person.role, PERMISSIONS[person.role], "", later, username=user.username)
