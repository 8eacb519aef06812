"""Somebody wants to pay.

    checked → quoted and simulated at the head of the chain → judged by the policy → stored, with what is approved frozen and hashed

What would fail, or is above a limit, is refused here and nothing is stored. Everything later is the machine's (`payments/machine.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from crypto_api.chains import service as chains
from crypto_api.chains.types import ChainAsset
from crypto_api.contract_audits import service as contract_audits
from crypto_api.flows.judge_payment import Judgement, standing_of
from crypto_api.flows.look_at_payees import Named, SeenPayee, checked_address, entry_at, look_at_payees
from crypto_api.flows.prepare_wanted import (
    Guard,
    PaymentDesk,
    Refused,
    Wanted,
    document,
    first_state,
    judge_all,
    prepare_wanted,
    require_payable,
    try_all,
    worth_of,
)
from crypto_api.kit.amounts import is_exact, to_raw
from crypto_api.kit.errors import InvalidInput, NotFound, Unavailable
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.sending import Quote
from crypto_api.organizations.types import Principal
from crypto_api.payments import rules, store
from crypto_api.payments import service as payments
from crypto_api.payments.documents import Payment
from crypto_api.payments.errors import WrongState
from crypto_api.payments.events import Happened
from crypto_api.payments.jobs import PaymentDue
from crypto_api.payments.types import Call, Fees, Origin, PaymentKind, PaymentState, Way
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import Wallet, WalletType
from mongodb_config.unit_of_work import Session

_WAYS = {WalletType.PRIVATE_KEY: Way.SIGNER, WalletType.METAMASK: Way.BROWSER, WalletType.HARDWARE: Way.BROWSER}


@dataclass(frozen=True)
class Payer:
    """Which wallet pays, where, and who holds its key."""

    wallet: Wallet
    network: NetworkConfig
    way: Way


@dataclass(frozen=True)
class NewPayment:
    """One of `to` and `payee_id`. `asset` None: the network's coin."""

    wallet_id: str
    amount: Decimal
    to: str | None = None
    payee_id: str | None = None
    asset: str | None = None
    network: str | None = None
    description: str = ""
    settles: Decimal | None = None  # of a liability, in the functional currency


@dataclass(frozen=True)
class NewCall:
    """A call of a contract. `value` is in whole units of the coin."""

    wallet_id: str
    to: str
    data: str
    value: Decimal = Decimal(0)
    description: str = ""


@dataclass(frozen=True)
class Estimate:
    wallet: Wallet
    network: NetworkConfig
    quote: Quote
    fees: Fees
    call: Call
    raw: int


# ---- the verbs -------------------------------------------------------------------------------------------------------------------


async def prepare_payment(
    desk: PaymentDesk,
    principal: Principal,
    org_id: str,
    new: NewPayment,
    origin: Origin,
    *,
    draft: bool = False,
    confirmed: bool = False,
    guard: Guard | None = None,
) -> Payment:
    """InvalidInput naming the fields, WouldRevert, InsufficientFunds, OverLimit, ChainUnavailable. Where nobody else has to approve, the one who
    prepares it does so by a step-up: SessionNotApproved without, unless they `confirmed` by one when they ordered it. The same origin has the same
    payment, whatever has become of what was asked for."""
    want = partial(_wanted, desk, org_id, new)
    return await prepare_wanted(desk, principal, org_id, want, origin, draft=draft, confirmed=confirmed, guard=guard)


async def prepare_call(desk: PaymentDesk, principal: Principal, org_id: str, new: NewCall, origin: Origin) -> Payment:
    """A write call of a contract, as `prepare_payment`. What it moves is not known from what it sends, so it counts as above every limit."""
    return await prepare_wanted(desk, principal, org_id, partial(_wanted_call, desk, org_id, new), origin)


async def _wanted_call(desk: PaymentDesk, org_id: str, new: NewCall) -> Wanted:
    payer = await payer_of(desk, org_id, new.wallet_id, None)
    asset, to = chains.listed_assets(payer.network)[0], checked_address(new.to)
    call = Call(to=to, value_raw=str(_raw(new.value, asset, "value")), data=new.data.lower())
    payee_id, name = await entry_at(org_id, payer.network, to)
    warnings = tuple((await contract_audits.warnings_about(org_id, payer.network.slug, [to])).values())
    who = (to, payee_id, name)
    return Wanted(*(payer.wallet, payer.network, payer.way, PaymentKind.CALL, asset, int(call.value_raw), *who, call, new.description, warnings))


async def submit_payment(desk: PaymentDesk, principal: Principal, org_id: str, payment_id: str) -> Payment:
    """Puts a draft up for approval; what is approved is frozen from now on. It is looked at anew, as when it was prepared."""
    payment = await store.get(org_id, payment_id)
    if payment is None:
        raise NotFound
    if payment.state is not PaymentState.DRAFT:
        raise WrongState(f"Only a draft is put up for approval, and this is {payment.state.lower()}.")
    network = desk.networks.get(payment.network)
    if network is None:
        raise Unavailable("The network of this payment is not configured any more.", code="network_unavailable")
    call, token = payment.call, payment.token_contract
    quote = await desk.nodes[payment.network].quote(payment.from_address, call.to, int(call.value_raw), call.data, token)
    require_payable(quote, network, payment.coin_moved, token, int(payment.raw_amount), payment.kind)
    worth, now = await worth_of(desk, org_id, [(payment.asset, payment.kind)]), desk.clock.now()
    value = worth.of(payment.asset, payment.amount, payment.kind)
    priced = payment.model_copy(update={"value": value})
    judged = _granted(await judge_all(desk, principal, [priced]))
    changes = first_state(priced, judged, await standing_of(priced, now), now)

    async def work(session: Session) -> Payment:
        before = await store.get(org_id, payment_id, session)
        if before is None or before.version != payment.version:
            raise WrongState("It is no draft any more.")
        after = await payments.change(session, before, changes | {"value": value}, Happened.SUBMITTED, now)
        await payments.record(session, after, "submitted", f"Put up for approval: {payments.called(after)}.", now, before=before)
        return after

    after = await desk.uow.run(work)
    await desk.jobs.put(PaymentDue(org_id=org_id, payment_id=payment_id))
    return after


@dataclass(frozen=True)
class Preview:
    """What preparing a payment would find, before anything is stored."""

    payment: Payment  # as it would be stored
    fees: Fees
    l1_fee: int  # wei that a rollup takes beside the gas, at most
    judged: Judgement

    @property
    def most(self) -> int:
        """Wei that it may cost beside the amount."""
        return self.fees.gas * self.fees.max_fee_per_gas + self.l1_fee


async def preview_payment(desk: PaymentDesk, principal: Principal, org_id: str, new: NewPayment) -> Preview:
    """Raises as `prepare_payment` does, but asks for no step-up."""
    wanted = await _wanted(desk, org_id, new)
    (tried,) = await try_all(desk, [wanted])
    if isinstance(tried, Refused):
        raise tried
    worth = await worth_of(desk, org_id, [(wanted.asset.name, wanted.kind)])
    payment = document(org_id, principal, wanted, Origin(kind="manual", id="preview"), worth, desk.clock.now())
    payment.warnings += tried.warnings
    judged = _granted(await judge_all(desk, principal, [payment], stepped_up=True))
    fees = rules.first_fees(tried.quote.gas, tried.quote.market, per_gas_max=2**128)
    assert fees is not None, "no network bids that much"
    return Preview(payment, fees, tried.quote.l1_fee, judged)


def _granted(judged: Sequence[Judgement | Refused]) -> Judgement:
    (one,) = judged
    if isinstance(one, Refused):
        raise one
    return one


async def estimate(desk: PaymentDesk, org_id: str, new: NewPayment) -> Estimate:
    """What it would cost, and whether it would fail. ChainUnavailable when no node answers."""
    payer = await payer_of(desk, org_id, new.wallet_id, new.network, watched=True)
    wallet, network = payer.wallet, payer.network
    asset = listed_asset(network, new.asset)
    payee = checked_address(new.to or "")
    raw = _raw(new.amount, asset, "amount")
    call = rules.transfer_call(payee, raw, asset.contract)
    quote = await desk.nodes[network.slug].quote(wallet.address, call.to, int(call.value_raw), call.data, asset.contract)
    fees = rules.first_fees(quote.gas, quote.market, per_gas_max=2**128)
    assert fees is not None, "no network bids that much"
    return Estimate(wallet, network, quote, fees, call, raw)


# ---- what is asked for -----------------------------------------------------------------------------------------------------------


async def _wanted(desk: PaymentDesk, org_id: str, new: NewPayment) -> Wanted:
    payer = await payer_of(desk, org_id, new.wallet_id, new.network)
    raw_of(new, payer.network)
    (seen,) = await look_at_payees(desk.nodes[payer.network.slug], org_id, payer.network, [named(new)])
    return wanted_payment(new, payer, seen)


def named(new: NewPayment) -> Named:
    return Named(new.to, new.payee_id, new.asset)


def wanted_payment(new: NewPayment, payer: Payer, seen: SeenPayee | InvalidInput) -> Wanted:
    """InvalidInput."""
    asset, raw = listed_asset(payer.network, new.asset), raw_of(new, payer.network)
    if isinstance(seen, InvalidInput):
        raise seen
    if seen.address == payer.wallet.address:
        raise InvalidInput.of("to", "is the wallet itself", "same_wallet")
    call, who = rules.transfer_call(seen.address, raw, asset.contract), (seen.address, seen.payee_id, seen.name)
    return Wanted(
        *(payer.wallet, payer.network, payer.way, PaymentKind.TRANSFER, asset, raw, *who, call, new.description, seen.warnings), settles=new.settles
    )


def raw_of(new: NewPayment, network: NetworkConfig) -> int:
    """Base units. InvalidInput."""
    raw = _raw(new.amount, listed_asset(network, new.asset), "amount")
    if raw == 0:
        raise InvalidInput.of("amount", "must be more than zero", "not_positive")
    return raw


async def payer_of(desk: PaymentDesk, org_id: str, wallet_id: str, network: str | None, *, watched: bool = False) -> Payer:
    """`watched`: also a wallet that cannot pay."""
    wallet = await wallets.get(org_id, wallet_id)
    if wallet is None:
        raise InvalidInput.of("wallet_id", "is no wallet of this organisation", "unknown_wallet")
    if network is not None and network != wallet.network:
        raise InvalidInput.of("network", f"is not that of the wallet, which is on {wallet.network}", "other_network")
    found = desk.networks.get(wallet.network)
    if found is None:
        raise Unavailable("The network of this wallet is not configured any more.", code="network_unavailable")
    way = _WAYS.get(wallet.wallet_type)
    if way is None and not watched:
        raise InvalidInput.of("wallet_id", "is only watched: nobody here can sign for it", "watch_only")
    return Payer(wallet, found, way or Way.BROWSER)


def listed_asset(network: NetworkConfig, name: str | None) -> ChainAsset:
    assets = chains.listed_assets(network)
    found = next((row for row in assets if row.name == (name or network.native_asset)), None)
    if found is None:
        raise InvalidInput.of("asset", f"must be one of {', '.join(row.name for row in assets)} on {network.slug}", "unknown_asset")
    return found


def _raw(amount: Decimal, asset: ChainAsset, field: str) -> int:
    try:
        raw = to_raw(amount, asset.decimals)
    except ValueError as error:
        raise InvalidInput.of(field, f"has more decimals than {asset.name}, which has {asset.decimals}", "too_many_decimals") from error
    if raw >= 2**256 or not is_exact(amount):
        raise InvalidInput.of(field, "is too large", "too_large")
    return raw
