"""Somebody wants to pay.

    checked → quoted and simulated at the head of the chain → judged by the policy → stored, with what is approved frozen and hashed

What would fail, or is above a limit, is refused here and nothing is stored. Everything later is the machine's (`payments/machine.py`).
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from crypto_api.address_book import rules as address_book_rules
from crypto_api.address_book import store as address_book
from crypto_api.address_book.types import PRESENT, Known
from crypto_api.chains import service as chains
from crypto_api.chains.types import ChainAsset
from crypto_api.flows.followed_chain import Node
from crypto_api.flows.judge_payment import Judgement, Subject, judge, standing_of
from crypto_api.flows.keep_address_book import known_addresses
from crypto_api.flows.price_at import Prices, price_at
from crypto_api.flows.step_up import require_approval
from crypto_api.identity.types import Purpose
from crypto_api.kit.amounts import is_exact, multiply, text, to_functional, to_raw, to_units
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import FieldError, InvalidInput, NotFound, Unavailable
from crypto_api.kit.ethereum import NATIVE_DECIMALS, parse_address
from crypto_api.kit.faultpoint import faultpoint
from crypto_api.kit.ids import new_id
from crypto_api.kit.jobs import Jobs
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.sending import Quote
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Principal
from crypto_api.payments import rules, store
from crypto_api.payments import service as payments
from crypto_api.payments.batch_plan import TRANSACTION_GAS_MAX
from crypto_api.payments.documents import Payment
from crypto_api.payments.errors import InsufficientFunds, WouldRevert, WrongState
from crypto_api.payments.events import Happened
from crypto_api.payments.jobs import PaymentDue
from crypto_api.payments.ports import Changes, Overtaken
from crypto_api.payments.typed_data import digest
from crypto_api.payments.types import BatchPayee, Call, Fees, Hold, Origin, PaymentKind, PaymentState, Way
from crypto_api.policies.errors import OverLimit
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import Wallet, WalletType
from mongodb_config.unit_of_work import Session, UnitOfWork

_FIRST_TIME = "It is the first payment of this organisation to this address."
_MOVES = (PaymentKind.TRANSFER, PaymentKind.BATCH)  # the asset that they name
_WAYS = {WalletType.PRIVATE_KEY: Way.SIGNER, WalletType.METAMASK: Way.BROWSER, WalletType.HARDWARE: Way.BROWSER}


@dataclass(frozen=True)
class PaymentDesk:
    """What payments are prepared and decided with."""

    uow: UnitOfWork
    clock: Clock
    networks: Mapping[str, NetworkConfig]
    nodes: Mapping[str, Node]  # by slug
    prices: Prices
    jobs: Jobs


Guard = Callable[[Session, Payment], Awaitable[None]]
"""Part of the unit of work that stores a payment: raises where whatever ordered it does not want it any more, or not so, and writes to a row that
whoever withdraws the order writes to as well, so that of the two at the same moment one comes after the other."""


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


@dataclass(frozen=True)
class Wanted:
    """What was asked for, checked."""

    wallet: Wallet
    network: NetworkConfig
    way: Way
    kind: PaymentKind
    asset: ChainAsset
    raw: int
    payee_address: str
    payee_id: str | None
    payee_name: str
    call: Call
    description: str
    warnings: tuple[str, ...] = ()
    payees: tuple[BatchPayee, ...] = ()  # of a batch
    settles: Decimal | None = None

    @property
    def amount(self) -> Decimal:
        return to_units(self.raw, self.asset.decimals)


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
    wallet, network, way = await payer_of(desk, org_id, new.wallet_id, None)
    asset, to = chains.listed_assets(network)[0], checked_address(new.to)
    call = Call(to=to, value_raw=str(_raw(new.value, asset, "value")), data=new.data.lower())
    return Wanted(
        wallet, network, way, PaymentKind.CALL, asset, int(call.value_raw), to, *await _entry_at(org_id, network, to), call, new.description
    )


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
    await _simulate(desk, payment.network, payment.from_address, payment.call, payment.token_contract, int(payment.raw_amount))
    value, _ = await _value(desk, org_id, payment.asset, payment.amount, payment.kind)
    judged = await _judged(desk, principal, payment.model_copy(update={"value": value}))
    changes = await _first_state(payment.model_copy(update={"value": value}), judged, desk.clock.now())

    now = desk.clock.now()

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
    token = wanted.asset.contract
    quote = await _simulate(desk, wanted.network.slug, wanted.wallet.address, wanted.call, token, wanted.raw)
    keeps = await _kept_by_token(desk, wanted, token)
    value, currency = await _value(desk, org_id, wanted.asset.name, wanted.amount, wanted.kind)
    payment = _document(org_id, principal, wanted, Origin(kind="manual", id="preview"), value, currency, desk.clock.now())
    payment.warnings += keeps
    judged = await _judged(desk, principal, payment, stepped_up=True)
    fees = rules.first_fees(quote.gas, quote.market, per_gas_max=2**128)
    assert fees is not None, "no network bids that much"
    return Preview(payment, fees, quote.l1_fee, judged)


async def estimate(desk: PaymentDesk, org_id: str, new: NewPayment) -> Estimate:
    """What it would cost, and whether it would fail. ChainUnavailable when no node answers."""
    wallet, network, _ = await payer_of(desk, org_id, new.wallet_id, new.network, watched=True)
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
    wallet, network, way = await payer_of(desk, org_id, new.wallet_id, new.network)
    asset = listed_asset(network, new.asset)
    raw = _raw(new.amount, asset, "amount")
    if raw == 0:
        raise InvalidInput.of("amount", "must be more than zero", "not_positive")
    address, payee_id, name = await _payee(org_id, network, new)
    if address == wallet.address:
        raise InvalidInput.of("to", "is the wallet itself", "same_wallet")
    found = await warnings_of(desk, org_id, network, new.to or address, address, await known_addresses(org_id))
    warnings = (*found, *await _renamed(org_id, payee_id))
    call = rules.transfer_call(address, raw, asset.contract)
    return Wanted(
        *(wallet, network, way, PaymentKind.TRANSFER, asset, raw, address, payee_id, name, call, new.description, warnings), settles=new.settles
    )


async def payer_of(
    desk: PaymentDesk, org_id: str, wallet_id: str, network: str | None, *, watched: bool = False
) -> tuple[Wallet, NetworkConfig, Way]:
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
    return wallet, found, way or Way.BROWSER


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


def checked_address(value: str) -> str:
    try:
        return parse_address(value)
    except ValueError as error:
        raise InvalidInput.of("to", str(error), "invalid_address") from error


async def _payee(org_id: str, network: NetworkConfig, new: NewPayment) -> tuple[str, str | None, str]:
    """Address, id in the address book, name."""
    if (new.to is None) == (new.payee_id is None):
        raise InvalidInput(FieldError("to", "give either an address or payee_id", "required"))
    if new.payee_id is None:
        address = checked_address(new.to or "")
        return (address, *await _entry_at(org_id, network, address))
    entry = await address_book.get(org_id, new.payee_id)
    if entry is None or entry.state not in PRESENT or entry.network not in (None, network.slug):
        raise InvalidInput.of("payee_id", "is no entry of the address book for this network", "unknown_payee")
    return entry.address, entry.id, entry.name


async def _entry_at(org_id: str, network: NetworkConfig, address: str) -> tuple[str | None, str]:
    entries = [row for row in await address_book.at(org_id, address) if row.network in (None, network.slug)]
    if entries:
        return entries[0].id, entries[0].name
    own = next((row for row in await wallets.active(org_id) if row.address == address), None)
    return None, own.name if own is not None else ""


async def warnings_of(desk: PaymentDesk, org_id: str, network: NetworkConfig, written: str, address: str, known: Sequence[Known]) -> tuple[str, ...]:
    """InvalidInput for an address at which money would be lost. `known`: of the organisation, as `known_addresses` reads them."""
    tokens = {token.address.lower(): token.symbol for token in network.listed()}
    contract_on = [network.name] if await desk.nodes[network.slug].has_code(address) else []
    try:
        found = address_book_rules.checked(written, tokens, contract_on, [], known)
    except ValueError as error:
        raise InvalidInput.of("to", str(error), "not_payable") from error
    first = () if await store.paid_before(org_id, network.chain_id, address) else (_FIRST_TIME,)
    return (*found.warnings, *first)


async def _renamed(org_id: str, payee_id: str | None) -> tuple[str, ...]:
    """Whoever verified an address verified whose it is: a name that was written later is the writer's word alone."""
    entry = await address_book.get(org_id, payee_id) if payee_id is not None else None
    if entry is None or entry.verified_name in (None, entry.name):
        return ()
    return (f"The address was verified as that of {entry.verified_name}. It was renamed since.",)


# ---- what is said of it ----------------------------------------------------------------------------------------------------------


async def prepare_wanted(
    desk: PaymentDesk,
    principal: Principal,
    org_id: str,
    want: Callable[[], Awaitable[Wanted]],
    origin: Origin,
    *,
    draft: bool = False,
    confirmed: bool = False,
    guard: Guard | None = None,
) -> Payment:
    """`want` is asked only where the origin has no payment yet: one that has been prepared stands, also where it could not be any more."""
    if (known := await store.by_origin(org_id, origin)) is not None:
        return known
    wanted = await want()
    token = wanted.asset.contract if wanted.kind in _MOVES else None
    quote = await _simulate(desk, wanted.network.slug, wanted.wallet.address, wanted.call, token, wanted.raw)
    if wanted.kind is PaymentKind.BATCH and quote.gas > TRANSACTION_GAS_MAX:
        raise InvalidInput.of("shares", f"take {quote.gas:,} gas, and a transaction may have {TRANSACTION_GAS_MAX:,} (EIP-7825)", "too_much_gas")
    keeps = await _kept_by_token(desk, wanted, token)
    value, currency = await _value(desk, org_id, wanted.asset.name, wanted.amount, wanted.kind)
    now = desk.clock.now()
    payment = _document(org_id, principal, wanted, origin, value, currency, now)
    payment.warnings += keeps
    judged = await _judged(desk, principal, payment, stepped_up=draft or confirmed)
    if not draft:
        payment = payment.model_copy(update=await _first_state(payment, judged, now))
    faultpoint("payment.before_intent")

    async def work(session: Session) -> Payment:
        if guard is not None:
            await guard(session, payment)
        if not await store.insert(session, payment):
            raise Overtaken
        await payments.tell(session, payment, Happened.PREPARED, now)
        done = "Drafted" if draft else "Prepared"
        await payments.record(session, payment, "prepared", f"{done} a payment of {payments.called(payment)}.", now)
        return payment

    try:
        stored = await desk.uow.run(work)
    except Overtaken:  # the same origin at the same moment: the unique index let one in
        first = await store.by_origin(org_id, origin)
        assert first is not None, "it was let in, and a payment is never deleted"
        stored = first
    faultpoint("payment.after_intent")
    await desk.jobs.put(PaymentDue(org_id=org_id, payment_id=stored.id))
    return stored


def _document(org_id: str, principal: Principal, wanted: Wanted, origin: Origin, value: Decimal | None, currency: str, now: datetime) -> Payment:
    return Payment(
        id=new_id("pay"),
        created_at=now,
        updated_at=now,
        org_id=org_id,
        origin=origin,
        kind=wanted.kind,
        way=wanted.way,
        network=wanted.network.slug,
        chain_id=wanted.network.chain_id,
        wallet_id=wanted.wallet.id,
        from_address=wanted.wallet.address,
        payee_address=wanted.payee_address,
        payee_id=wanted.payee_id,
        payee_name=wanted.payee_name,
        asset=wanted.asset.name,
        payees=list(wanted.payees),
        token_contract=wanted.asset.contract if wanted.kind in _MOVES else None,
        decimals=wanted.asset.decimals,
        raw_amount=str(wanted.raw),
        amount=wanted.amount,
        call=wanted.call,
        description=wanted.description,
        value=value,
        value_currency=currency,
        settles=wanted.settles,
        prepared_by=principal.user_id,
        warnings=list(wanted.warnings),
        reason="It is a draft: it has not been put up for approval.",
        due_at=now + rules.DEADLINES[PaymentState.DRAFT],
        deadline_at=rules.deadline(PaymentState.DRAFT, now),
    )


async def _simulate(desk: PaymentDesk, network: str, address: str, call: Call, token: str | None, raw: int) -> Quote:
    """At the head of the chain. InsufficientFunds before WouldRevert: a wallet that is empty is the plainer reason."""
    quote = await desk.nodes[network].quote(address, call.to, int(call.value_raw), call.data, token)
    coin = desk.networks[network].native_asset
    if quote.token_balance is not None and quote.token_balance < raw:
        raise InsufficientFunds("The wallet does not hold that much of the token.")
    if quote.balance < int(call.value_raw):
        raise InsufficientFunds(f"The wallet holds {text(to_units(quote.balance, NATIVE_DECIMALS))} {coin}, which is less than the amount.")
    if quote.reverts is not None:
        raise WouldRevert(f"It would fail: {quote.reverts}.")
    fees = rules.first_fees(quote.gas, quote.market, per_gas_max=2**128)
    if fees is not None and quote.balance < rules.highest_cost(call, fees) + quote.l1_fee:
        gas = text(to_units(fees.gas * fees.max_fee_per_gas + quote.l1_fee, NATIVE_DECIMALS))
        raise InsufficientFunds(f"The wallet has too little {coin} for the gas as well, which may cost up to {gas}.")
    return quote


async def _kept_by_token(desk: PaymentDesk, wanted: Wanted, token: str | None) -> list[str]:
    """A token may keep a fee, or pay out something else than it says. A call promises nobody anything."""
    due: Counter[str] = Counter({row.address: 0 for row in wanted.payees})
    for row in wanted.payees:
        due[row.address] += int(row.raw_amount)
    if wanted.kind is PaymentKind.TRANSFER:
        due[wanted.payee_address] = wanted.raw
    if token is None or not due:
        return []
    arrives = await desk.nodes[wanted.network.slug].arrives(wanted.wallet.address, token, wanted.call.to, wanted.call.data, list(due))
    if arrives is None:
        return ["Nobody could see how much arrives: the node does not simulate, and a token may keep a fee."]
    gained = dict(zip(due, arrives, strict=True))
    wrong = {address: raw for address, raw in gained.items() if raw != due[address]}
    if not wrong:
        return []
    would = f"{text(to_units(max(sum(gained.values()), 0), wanted.asset.decimals))} {wanted.asset.name} would arrive"
    many = f", and {len(wrong)} of {len(due)} payees would get something else" if len(due) > 1 else ""
    return [f"The token does not pass on what is sent: {would}{many}."]


async def _value(desk: PaymentDesk, org_id: str, asset: str, amount: Decimal, kind: PaymentKind) -> tuple[Decimal | None, str]:
    """In the functional currency, at the last block's prices. None where there is no price, and for a call."""
    organization = await organizations.get(org_id)
    assert organization is not None, "a principal acts in it"
    currency = organization.functional_currency
    if kind in (PaymentKind.CALL, PaymentKind.ALLOWANCE):  # the one moves nobody knows what, the other nothing
        return None if kind is PaymentKind.CALL else Decimal(0), currency
    quote = (await price_at(org_id, asset, currency, None, desk.prices, desk.clock.now())).quote
    return (to_functional(multiply(amount, quote.rate)) if quote is not None else None), currency


async def _judged(desk: PaymentDesk, principal: Principal, payment: Payment, *, stepped_up: bool = False) -> Judgement:
    """OverLimit; SessionNotApproved where nobody else has to approve and the one who prepares it has not confirmed."""
    now = desk.clock.now()
    subject = Subject.of(payment)
    judged = await judge(subject, now)
    if judged.verdict.refusal is not None:
        raise OverLimit(judged.verdict.refusal)
    if judged.verdict.approvals_needed == 0 and not stepped_up and payment.way is Way.SIGNER:
        await require_approval(principal.session_id, principal.org_id, Purpose.KEYS, now)
    return judged


async def _first_state(payment: Payment, judged: Judgement, now: datetime) -> Changes:
    """Out of DRAFT: what is approved is frozen and hashed."""
    standing = await standing_of(payment, now)
    free = standing.approvals_missing == 0
    state = PaymentState.APPROVED if free else PaymentState.PENDING_APPROVAL
    not_before = now + standing.delay if free and standing.delay else None
    missing = f"{standing.approvals_missing} approval(s) by somebody else are needed. "
    return {
        "state": state,
        "payload_hash": digest(payment),
        "policy_version": judged.policy_version,
        "holds": [*([] if free else [Hold.APPROVALS_MISSING]), *standing.holds],
        "reason": ("" if free else missing) + standing.reason,
        "approved_at": now if free else None,
        "not_before": not_before,
        "due_at": now,
        "deadline_at": rules.deadline(state, now, not_before),
    }
