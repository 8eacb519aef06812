"""Approved payslips are ordered to be paid by a wallet.

    rates are fixed → each share becomes base units → the planner says who is paid together → the plan is stored, every share in exactly one step

From then on the plan is carried out by itself (`flows/advance_payroll.py`), whatever dies. A share is one document with one place in the plan: it is
in no second step until its first came to nothing for good.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from crypto_api.address_book import service as book
from crypto_api.address_book import store as payees
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PayeeHold
from crypto_api.audit import service as audit
from crypto_api.chains.types import ChainAsset
from crypto_api.events import service as events
from crypto_api.flows.prepare_batch import pays_delegated
from crypto_api.flows.prepare_payment import Payer, listed_asset, payer_of
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.flows.price_at import price_at
from crypto_api.kit.errors import Conflict, FieldError, InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import next_id
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations.types import Principal
from crypto_api.payments.batch import BATCH_CONTRACT, BATCH_DELEGATE
from crypto_api.payments.batch_plan import Owed, PlannedKind, PlannedTransaction, Terms, WalletKind, batch_plan
from crypto_api.payroll import rules, service, store
from crypto_api.payroll.documents import Payout, PayProfile, PayrollStep, Payslip
from crypto_api.payroll.errors import NoRate, NothingToPay
from crypto_api.payroll.events import PayrollOrdered
from crypto_api.payroll.types import PayMethod, PayoutState, PayslipStatus, RateLock, StepKind
from crypto_api.wallets.documents import Wallet
from mongodb_config.unit_of_work import Session

_LOOKED_AT_ONCE = 300
_WHY = {
    None: "The employee has not proved a wallet yet.",
    PayeeHold.UNVERIFIED: "Nobody has verified the employee's wallet in the address book yet.",
    PayeeHold.COOLING_OFF: "The employee's wallet is new or was changed: it cools off.",
}


@dataclass(frozen=True)
class Ordered:
    period_id: str
    run_id: str
    steps: tuple[PayrollStep, ...]
    payouts: int
    rates: tuple[RateLock, ...]
    held: tuple[FieldError, ...]  # by payslip: what is not paid now, and why


@dataclass(frozen=True)
class _Wanted:
    """A share that is to be paid now."""

    payslip: Payslip
    place: int
    asset: ChainAsset
    payee: Payee
    before: Payout | None  # it was tried, and that came to nothing

    @property
    def key(self) -> str:
        return f"{self.payslip.id}:{self.place}"


async def order_payroll(
    desk: PaymentDesk, principal: Principal, org_id: str, period_id: str, wallet_id: str, payslip_ids: Collection[str] | None = None
) -> Ordered:
    """All that can be paid by this wallet now; of the rest, why not. NotFound, InvalidInput, NothingToPay, NoRate, ChainUnavailable, Conflict where a
    run of the same wallet and token still needs its allowance, PreconditionFailed where a payslip changed meanwhile."""
    period = await store.period(org_id, period_id)
    if period is None:
        raise NotFound
    payer = await payer_of(desk, org_id, wallet_id, None)
    wallet, network = payer.wallet, payer.network
    wanted, held = await _wanted(desk, org_id, period_id, wallet, network, payslip_ids)
    if not wanted:
        raise NothingToPay(held)
    now = desk.clock.now()
    rates = await _fixed_rates(desk, org_id, wanted, period.currency, now)
    raws = {row.key: _raw(row, rates) for row in wanted}
    nothing = [row for row in wanted if raws[row.key] == 0]
    held += [FieldError(row.payslip.id, f"Its share in {row.asset.name} is less than the smallest unit.", "too_small") for row in nothing]
    wanted = [row for row in wanted if raws[row.key]]
    if not wanted:
        raise NothingToPay(held)
    run_id = next_id("run")
    planned = await _plan(desk, org_id, payer, wanted, raws)
    steps, payouts = _documents(org_id, period_id, run_id, wallet, principal, wanted, raws, planned, now)

    async def work(session: Session) -> None:
        await _store(session, org_id, period_id, wanted, payouts, steps, rates, now)
        await events.append(session, org_id, PayrollOrdered(period_id=period_id, status=period.status), now)
        summary = f"Ordered {len(payouts)} shares of {period.title} to be paid by {wallet.name}"
        told = {"run": run_id, "steps": len(steps), "rates": {row.asset: str(row.rate) for row in rates.values()}, "held": len(held)}
        await audit.record(session, org_id, "payroll.ordered", summary, now, subject=("payroll_period", period_id), after=told)

    await desk.uow.run(work)
    return Ordered(period_id, run_id, tuple(steps), len(payouts), tuple(rates.values()), tuple(held))


# ---- who is paid now -------------------------------------------------------------------------------------------------------------


async def _wanted(
    desk: PaymentDesk, org_id: str, period_id: str, wallet: Wallet, network: NetworkConfig, payslip_ids: Collection[str] | None
) -> tuple[list[_Wanted], list[FieldError]]:
    rows = [row for row in await store.payslips_of_period(org_id, period_id) if payslip_ids is None or row.id in payslip_ids]
    if payslip_ids is not None and len(rows) != len(set(payslip_ids)):
        raise InvalidInput.of("payslip_ids", "names a payslip that is not in this payroll", "unknown_payslip")
    profiles = await store.profiles(org_id, [row.employee_id for row in rows])
    entries = await _entries(org_id, profiles)
    there = await store.payouts_of_payslips(org_id, [row.id for row in rows])
    settled = await _settled_steps(org_id, period_id)
    wanted: list[_Wanted] = []
    held: list[FieldError] = []
    for row in rows:
        if row.status is PayslipStatus.PAID:
            continue
        if row.status is PayslipStatus.DRAFT:
            held.append(FieldError(row.id, f"The payslip of {row.employee_name} is not approved.", "not_approved"))
            continue
        before = {payout.place: payout for payout in there.get(row.id, ())}
        for place, share in enumerate(row.shares):
            found = before.get(place)
            if share.method is not PayMethod.CRYPTO or (found is not None and found.state is not PayoutState.FAILED):
                continue
            profile = profiles.get(row.employee_id)
            payee = entries.get(profile.payee_id or "") if profile is not None else None
            why = _hold(profile, payee, wallet, network, desk.clock.now())
            if why is None and found is not None and found.step_id not in settled:
                why = "What was sent for it can still be taken back or brought in by a reorganisation: it waits until that is over."
            if why is not None or payee is None:
                held.append(FieldError(row.id, f"{row.employee_name}: {why}", "held"))
                continue
            wanted.append(_Wanted(row, place, listed_asset(network, share.asset), payee, found))
    return wanted, held


async def _entries(org_id: str, profiles: Mapping[str, PayProfile]) -> dict[str, Payee]:
    addresses = {row.wallet_address for row in profiles.values() if row.wallet_address is not None}
    return {row.id: row for row in await payees.at_any(org_id, addresses)} if addresses else {}


async def _settled_steps(org_id: str, period_id: str) -> set[str]:
    return {row.id for row in await store.steps_of_period(org_id, period_id) if row.settled}


def _hold(profile: PayProfile | None, payee: Payee | None, wallet: Wallet, network: NetworkConfig, now: datetime) -> str | None:
    """Only the address that the employee proved, as another person verified it."""
    if profile is None or profile.wallet_address is None:
        return _WHY[None]
    if payee is None or payee.address != profile.wallet_address:
        return "The address book holds another address than the one that the employee proved, or none."
    if payee.address == wallet.address:
        return "The wallet that pays is the employee's own."
    hold = book.standing([payee], network.slug, now).hold
    return _WHY[hold] if hold is not None else None


# ---- how much --------------------------------------------------------------------------------------------------------------------


async def _fixed_rates(desk: PaymentDesk, org_id: str, wanted: Sequence[_Wanted], currency: str, now: datetime) -> dict[str, RateLock]:
    """One for each asset, the same for everybody of this order."""
    found: dict[str, RateLock] = {}
    for asset in sorted({row.asset.name for row in wanted}):
        quote = (await price_at(org_id, asset, currency, None, desk.prices, now)).quote
        if quote is None or quote.rate <= 0:
            raise NoRate(asset, currency)
        found[asset] = RateLock(asset=asset, rate=quote.rate, source=quote.origin or quote.source.value, priced_at=quote.at, locked_at=now)
    return found


def _raw(row: _Wanted, rates: Mapping[str, RateLock]) -> int:
    return rules.base_units(row.payslip.shares[row.place].amount, rates[row.asset.name].rate, row.asset.decimals)


# ---- in which transactions -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _PlannedFor:
    asset: ChainAsset
    transaction: PlannedTransaction


async def _plan(desk: PaymentDesk, org_id: str, payer: Payer, wanted: Sequence[_Wanted], raws: Mapping[str, int]) -> list[_PlannedFor]:
    """Asset by asset. What came to nothing before is paid alone this time, so that whoever made a batch fail holds up nobody else again."""
    wallet, network = payer.wallet, payer.network
    node, found = desk.nodes[network.slug], []
    market = await node.market()
    kind, contract = WalletKind.CONTRACT, BATCH_CONTRACT
    if await pays_delegated(org_id, payer, desk.clock.now()):
        kind, contract = WalletKind.DELEGATED, BATCH_DELEGATE
    together = await node.has_code(contract)
    for name in sorted({row.asset.name for row in wanted}):
        rows = [row for row in wanted if row.asset.name == name]
        asset = rows[0].asset
        new = await _new(desk, network, rows)
        owed = [Owed(row.key, row.payee.address, raws[row.key], new=row.payee.address in new) for row in rows]
        alone = {row.key for row in rows if row.before is not None or not together}
        terms = Terms(kind, asset.contract, market.base_fee + market.tip)
        parts = [([row for row in owed if row.key not in alone], terms.payees_max), ([row for row in owed if row.key in alone], 1)]
        for part, most in parts:
            if part:
                plan = batch_plan(part, Terms(terms.kind, terms.token, terms.gas_price, payees_max=most))
                found += [_PlannedFor(asset, row) for row in plan.transactions]
        if asset.contract is not None and any(row.asset is asset and row.transaction.kind is PlannedKind.ALLOWANCE for row in found):
            await _require_free_allowance(org_id, wallet, name)
    return found


async def _new(desk: PaymentDesk, network: NetworkConfig, rows: Sequence[_Wanted]) -> set[str]:
    """Addresses to which the first payment costs more."""
    addresses, token = sorted({row.payee.address for row in rows}), rows[0].asset.contract
    found: set[str] = set()
    for first in range(0, len(addresses), _LOOKED_AT_ONCE):
        found |= await desk.nodes[network.slug].unused(addresses[first : first + _LOOKED_AT_ONCE], token)
    return found


async def _require_free_allowance(org_id: str, wallet: Wallet, asset: str) -> None:
    """One allowance at a time: a second one would take the place of the first while batches still need it."""
    if await store.batches_under_way(org_id, wallet.id, asset):
        raise Conflict(
            f"An earlier order still pays {asset} by this wallet out of its allowance: it has to be through first.", code="run_in_progress"
        )


def _documents(
    org_id: str,
    period_id: str,
    run_id: str,
    wallet: Wallet,
    principal: Principal,
    wanted: Sequence[_Wanted],
    raws: Mapping[str, int],
    planned: Sequence[_PlannedFor],
    now: datetime,
) -> tuple[list[PayrollStep], list[Payout]]:
    by_key = {row.key: row for row in wanted}
    steps, payouts = [], []
    for number, row in enumerate(planned, start=1):
        step = PayrollStep(
            id=next_id("pst"),
            created_at=now,
            updated_at=now,
            look_at=now,
            org_id=org_id,
            period_id=period_id,
            run_id=run_id,
            number=number,
            kind=StepKind(row.transaction.kind.value),
            network=wallet.network,
            wallet_id=wallet.id,
            asset=row.asset.name,
            raw_amount=str(row.transaction.raw_amount),
            ordered_by=principal.user_id,
        )
        steps.append(step)
        payouts += [_payout(by_key[owed.key], step, raws[owed.key], now) for owed in row.transaction.owed]
    assert sorted(row.id for row in payouts) == sorted(by_key), "everybody stands in the plan exactly once"
    return steps, payouts


def _payout(row: _Wanted, step: PayrollStep, raw: int, now: datetime) -> Payout:
    return Payout(
        id=row.key,
        created_at=row.before.created_at if row.before is not None else now,
        updated_at=now,
        org_id=step.org_id,
        payslip_id=row.payslip.id,
        period_id=step.period_id,
        place=row.place,
        step_id=step.id,
        network=step.network,
        wallet_id=step.wallet_id,
        asset=row.asset.name,
        decimals=row.asset.decimals,
        raw_amount=str(raw),
        settles=row.payslip.shares[row.place].settles,
        address=row.payee.address,
        payee_id=row.payee.id,
        attempt=row.before.attempt + 1 if row.before is not None else 1,
    )


async def _store(
    session: Session,
    org_id: str,
    period_id: str,
    wanted: Sequence[_Wanted],
    payouts: Sequence[Payout],
    steps: Sequence[PayrollStep],
    rates: Mapping[str, RateLock],
    now: datetime,
) -> None:
    """Each payslip by compare-and-set on what was read: of two orders at the same moment one comes too late as a whole."""
    await store.insert_steps(session, steps)
    await store.insert_payouts(session, [row for row in payouts if row.attempt == 1])
    if not await store.replan_payouts(session, [row for row in payouts if row.attempt > 1]):
        raise PreconditionFailed
    read = {row.payslip.id: row.payslip for row in wanted}
    fixed: dict[str, list[RateLock]] = {}
    for row in wanted:
        fixed.setdefault(row.payslip.id, []).append(rates[row.asset.name])
    all_payouts = await store.payouts_of_payslips(org_id, list(read), session)
    changes = []
    for payslip in read.values():
        mine = fixed[payslip.id]
        kept = [lock for lock in payslip.rates if lock.asset not in {new.asset for new in mine}]
        states = [row.state for row in all_payouts.get(payslip.id, ())]
        status = rules.status_of(len(payslip.shares), len(payslip.hand_paid), states)
        changes.append((payslip, service.as_stored({"rates": [*kept, *mine], "status": status, "updated_at": now}, payslip)))
    if not await store.move_payslips(session, changes):
        raise PreconditionFailed
    await service.settle_period(session, org_id, period_id, now)


def amount_of(row: Payout) -> Decimal:
    """In whole units."""
    return Decimal(row.raw_amount).scaleb(-row.decimals)
