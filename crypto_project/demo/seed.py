"""The sample organisation, through the product's own services. Each step looks first, so an interrupted start is gone on with."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import orjson
from eth_account.signers.local import LocalAccount

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.address_book import service as address_book
from crypto_api.address_book import store as payees
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import Checked, NewPayee
from crypto_api.classification import service as classification
from crypto_api.employees import service as employees
from crypto_api.employees import store as employee_store
from crypto_api.employees.types import EmployeeDecision, EmployeeStatus, NewEmployee
from crypto_api.flows.register_account import register_account
from crypto_api.identity import store as identity
from crypto_api.identity.documents import User
from crypto_api.identity.types import NewUser
from crypto_api.organizations import service as organizations
from crypto_api.policies import service as policies
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.runtime import Runtime
from crypto_api.wallets import service as wallets
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import WalletType
from crypto_api.wallets.types import NewWallet
from crypto_project.demo import cast
from crypto_project.demo.payroll import make_payrolls
from crypto_project.demo.sales import make_sales
from mongodb_config.kept_row import UNSTORED
from mongodb_config.unit_of_work import Session


async def seed_organization(runtime: Runtime, network: str) -> str:
    """Returns the organisation's id."""
    founder, org_id = await _founder(runtime)
    for person in cast.STAFF:
        await _join(runtime, org_id, person)
    for post in cast.POSTS:
        await _employ(runtime, org_id, founder.id, post)
    controller = await identity.user_by_email(cast.STAFF[0].email)
    await _make_wallets(runtime, org_id, founder.id, controller.id if controller else founder.id, network)
    await _make_counterparties(runtime, org_id)
    await _make_policy(runtime, org_id, founder.id)
    await _make_payees(runtime, org_id, founder.id, controller.id if controller else founder.id)
    await make_sales(runtime, org_id, controller.id if controller else founder.id)
    await make_payrolls(runtime, org_id, controller.id if controller else founder.id)
    return org_id


async def _founder(runtime: Runtime) -> tuple[User, str]:
    user = await identity.user_by_email(cast.FOUNDER.email) or await _register(runtime, cast.FOUNDER, founds=cast.ORGANIZATION)
    org_id = await organizations.home_of(user.id)
    if org_id is None:
        raise RuntimeError(f"{cast.FOUNDER.email} has no organisation: this database was not made by the demo.")
    return user, org_id


async def _join(runtime: Runtime, org_id: str, person: cast.Person) -> None:
    user = await identity.user_by_email(person.email) or await _register(runtime, person)
    if await organizations.role_of(org_id, user.id) is not None:
        return

    async def work(session: Session) -> None:
        await organizations.add_member(session, org_id, user.id, person.role, runtime.clock.now())

    await runtime.uow.run(work)


async def _employ(runtime: Runtime, org_id: str, founder_id: str, post: cast.Post) -> None:
    """Somebody in the company, verified by its founder or still waiting for that. Who was removed by a visitor stays so."""
    if await employee_store.by_email(org_id, post.email):
        return
    managers = await employee_store.by_email(org_id, post.manager_email) if post.manager_email else []
    manager_id = next((row.id for row in managers if row.present), None)
    new = NewEmployee(post.email, post.first_name, post.last_name, post.job_title, post.department, manager_id)
    user, now = await identity.user_by_email(post.email), runtime.clock.now()
    employee = employees.prepare(org_id, new, EmployeeStatus.PENDING, now)
    known = employees.known(employee, user) if user is not None else employee

    async def work(session: Session) -> None:
        await employees.add(session, known, now)
        if post.verified:
            await employees.verify(session, org_id, known.id, EmployeeDecision.APPROVE, founder_id, "", now)

    await runtime.uow.run(work)


async def _register(runtime: Runtime, person: cast.Person, *, founds: str | None = None) -> User:
    user, _ = await register_account(
        runtime.uow,
        runtime.clock,
        NewUser(person.username, person.email, person.first_name, person.last_name),
        person.password,
        organization_name=founds,
        bcrypt_cost=runtime.config.bcrypt_cost,
        verified=True,
    )
    return user


async def _make_policy(runtime: Runtime, org_id: str, user_id: str) -> None:
    """One under which a visitor can pay something small at once, and sees an approval for the rest."""
    policy = PaymentPolicy(payees=Payees.ANY, approval_free_max=Decimal(500), approvals_required=1, manager_max=Decimal(5_000))
    now = runtime.clock.now()
    before = await policies.current(org_id, now)
    if before.version == UNSTORED:
        await runtime.uow.run(lambda session: policies.put(session, before, policy, user_id, now))


async def _make_payees(runtime: Runtime, org_id: str, founder_id: str, controller_id: str) -> None:
    """Written down by the controller, compared by the founder; the newest waits for that. What a visitor did with one stays so."""
    now = runtime.clock.now()
    for outsider in cast.PAYEES:
        address = outsider.account.address
        if await payees.count(org_id, {"address": address}):
            continue
        row = address_book.prepare(org_id, NewPayee(outsider.name, address), Checked(address), controller_id, now)
        await runtime.uow.run(partial(_write_payee, row, founder_id, outsider is not cast.PAYEE_TO_VERIFY, now))


async def _write_payee(row: Payee, verified_by: str, verified: bool, now: datetime, session: Session) -> None:
    payee = await address_book.add(session, row, now)
    if verified:
        await address_book.verify(session, payee, payee.address, verified_by, timedelta(0), now)


async def _make_wallets(runtime: Runtime, org_id: str, founder_id: str, controller_id: str, network: str) -> None:
    """The founder's, and the one that the controller made for paying."""
    present = {wallet.address for wallet in await wallet_store.active(org_id)}
    for plan in cast.WALLETS:
        if plan.account.address in present:
            continue
        stored = plan.wallet_type is WalletType.PRIVATE_KEY
        new = NewWallet(
            name=plan.name,
            wallet_type=plan.wallet_type.value,
            network=network,
            address=plan.account.address,
            private_key=await _sealed(runtime, plan.account) if stored else None,
        )
        made_by = controller_id if plan is cast.PAYOUTS else founder_id
        await wallets.create(runtime.uow, runtime.clock, runtime.signer, runtime.networks.keys(), org_id, made_by, new)


async def _sealed(runtime: Runtime, account: LocalAccount) -> str:
    """As a program does that adds a wallet by the API."""
    return make_parcel(bytearray(orjson.dumps("0x" + bytes(account.key).hex())), await runtime.signer.public_key())


async def _make_counterparties(runtime: Runtime, org_id: str) -> None:
    async def work(session: Session) -> None:
        for outsider in cast.COUNTERPARTIES:
            assert outsider.kind is not None
            address, now = outsider.account.address, runtime.clock.now()
            await classification.add_counterparty(session, org_id, address=address, name=outsider.name, kind=outsider.kind, now=now)

    await runtime.uow.run(work)
