"""What was asked for, and checked, becomes a payment.

    tried at the head of the chain → worth → judged by the policy → stored, with what is approved frozen and hashed

One, or many of one wallet, by the same way: what is the same for all of them is read once, the chain is asked in batches, and a hundred go into one
unit of work. One that is refused is refused alone.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from crypto_api.chains.types import ChainAsset
from crypto_api.flows.followed_chain import Node, node_call
from crypto_api.flows.judge_payment import Judgement, Subject, first_standing, judge_in_turn
from crypto_api.flows.price_at import Prices, price_at
from crypto_api.flows.step_up import require_approval
from crypto_api.identity.types import Purpose
from crypto_api.kit.amounts import multiply, text, to_functional, to_units
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import CoreError, InvalidInput
from crypto_api.kit.ethereum import NATIVE_DECIMALS, CallRefused
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
from crypto_api.payments.errors import InsufficientFunds, WouldRevert
from crypto_api.payments.jobs import PaymentDue
from crypto_api.payments.ports import Changes, Overtaken
from crypto_api.payments.typed_data import digest
from crypto_api.payments.types import BatchPayee, Call, Delegation, Hold, Origin, PaymentKind, PaymentState, Standing, Way
from crypto_api.policies.errors import OverLimit
from crypto_api.wallets.documents import Wallet
from mongodb_config.unit_of_work import Session, UnitOfWork

TRIED_TOGETHER = 50  # calls that the node is asked of in one go
LOOKED_AT_ONCE = 10  # tokens' transfers simulated beside one another
STORED_TOGETHER = 100  # payments of one unit of work
MOVES = (PaymentKind.TRANSFER, PaymentKind.BATCH)  # the asset that they name


@dataclass(frozen=True)
class PaymentDesk:
    """What payments are prepared and decided with."""

    uow: UnitOfWork
    clock: Clock
    networks: Mapping[str, NetworkConfig]
    nodes: Mapping[str, Node]  # by slug
    prices: Prices
    jobs: Jobs


Guard = Callable[[Session, Sequence[Payment]], Awaitable[Mapping[str, CoreError]]]
"""Part of the unit of work that stores payments: says, by id, which of them whatever ordered them does not want any more, or not so. For the others
it writes to a row that whoever withdraws the order writes to as well, so that of the two at the same moment one comes after the other."""


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
    delegation: Delegation | None = None  # under which the wallet runs our code as its own, or takes that back (EIP-7702)

    @property
    def amount(self) -> Decimal:
        return to_units(self.raw, self.asset.decimals)

    @property
    def token(self) -> str | None:
        """The contract of what it moves; None where that is the coin, or nothing."""
        return self.asset.contract if self.kind in MOVES else None


Refused = CoreError
"""In the place of a payment: why there is none."""


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
    (found,) = await prepare_all(desk, principal, org_id, [(origin, await want())], draft=draft, confirmed=confirmed, guard=guard)
    if isinstance(found, Refused):
        raise found
    return found


async def prepare_all(
    desk: PaymentDesk,
    principal: Principal,
    org_id: str,
    asked: Sequence[tuple[Origin, Wanted]],
    *,
    draft: bool = False,
    confirmed: bool = False,
    guard: Guard | None = None,
) -> list[Payment | Refused]:
    """Of one wallet; the payment of each in that order, or why there is none. ChainUnavailable where nobody could try them."""
    tried = await try_all(desk, [wanted for _, wanted in asked])
    worth, now = await worth_of(desk, org_id, {(wanted.asset.name, wanted.kind) for _, wanted in asked}), desk.clock.now()
    found: list[Payment | Refused] = []
    for (origin, wanted), seen in zip(asked, tried, strict=True):
        if isinstance(seen, Tried):
            payment = document(org_id, principal, wanted, origin, worth, now)
            payment.warnings += seen.warnings
            found.append(payment)
        else:
            found.append(seen)
    found = await _judged(desk, principal, found, draft=draft, stepped_up=draft or confirmed)
    stored = await _store_all(desk, org_id, [row for row in found if isinstance(row, Payment)], guard)
    return [stored[row.id] if isinstance(row, Payment) else row for row in found]


async def _judged(
    desk: PaymentDesk, principal: Principal, rows: Sequence[Payment | Refused], *, draft: bool, stepped_up: bool
) -> list[Payment | Refused]:
    """As each would be stored."""
    prepared = [row for row in rows if isinstance(row, Payment)]
    told = dict(zip((row.id for row in prepared), await judge_all(desk, principal, prepared, stepped_up=stepped_up), strict=True))
    found: list[Payment | Refused] = []
    for row in rows:
        judged = told[row.id] if isinstance(row, Payment) else row
        if isinstance(row, Payment) and isinstance(judged, Judgement):
            found.append(row if draft else row.model_copy(update=first_state(row, judged, first_standing(judged), desk.clock.now())))
        elif isinstance(judged, Refused):
            found.append(judged)
    return found


# ---- tried on the chain ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tried:
    quote: Quote
    warnings: tuple[str, ...]


async def try_all(desk: PaymentDesk, wanted: Sequence[Wanted]) -> list[Tried | Refused]:
    """Each by itself, at the head. ChainUnavailable."""
    room = asyncio.Semaphore(LOOKED_AT_ONCE)
    found: list[Tried | Refused] = []

    async def arrival(each: Wanted, quote: Quote | Refused) -> Tried | Refused:
        if isinstance(quote, Refused):
            return quote
        async with room:
            return Tried(quote, tuple(await _kept_by_token(desk, each)))

    for start in range(0, len(wanted), TRIED_TOGETHER):
        part = wanted[start : start + TRIED_TOGETHER]
        quotes = await _quotes(desk, part)
        found += await asyncio.gather(*map(arrival, part, quotes))
    return found


async def _quotes(desk: PaymentDesk, wanted: Sequence[Wanted]) -> list[Quote | Refused]:
    first = wanted[0]
    calls = [node_call(each.call, each.token, each.delegation) for each in wanted]
    try:
        told = await desk.nodes[first.network.slug].quotes(first.wallet.address, calls)
    except CallRefused as error:
        if len(wanted) == 1:
            return [error]
        half = len(wanted) // 2  # one that a node refuses to look at holds up nobody else
        return [*await _quotes(desk, wanted[:half]), *await _quotes(desk, wanted[half:])]
    found: list[Quote | Refused] = []
    for place, each in enumerate(wanted):
        quote = Quote.of(told, each.token, place)
        try:
            require_payable(quote, each.network, _coin_moved(each), each.token, each.raw, each.kind)
        except CoreError as error:
            found.append(error)
        else:
            found.append(quote)
    return found


def require_payable(quote: Quote, network: NetworkConfig, moved: int, token: str | None, raw: int, kind: PaymentKind) -> None:
    """`moved`: wei that leave the wallet beside the gas. InsufficientFunds before WouldRevert: a wallet that is empty is the plainer reason.
    InvalidInput for a batch that no block takes."""
    coin = network.native_asset
    if quote.token_balance is not None and quote.token_balance < raw:
        raise InsufficientFunds("The wallet does not hold that much of the token.")
    if quote.balance < moved:
        raise InsufficientFunds(f"The wallet holds {text(to_units(quote.balance, NATIVE_DECIMALS))} {coin}, which is less than the amount.")
    if quote.reverts is not None:
        raise WouldRevert(f"It would fail: {quote.reverts}.")
    fees = rules.first_fees(quote.gas, quote.market, per_gas_max=2**128)
    if fees is not None and quote.balance < rules.highest_cost(moved, fees) + quote.l1_fee:
        gas = text(to_units(fees.gas * fees.max_fee_per_gas + quote.l1_fee, NATIVE_DECIMALS))
        raise InsufficientFunds(f"The wallet has too little {coin} for the gas as well, which may cost up to {gas}.")
    if kind is PaymentKind.BATCH and quote.gas > TRANSACTION_GAS_MAX:
        raise InvalidInput.of("shares", f"take {quote.gas:,} gas, and a transaction may have {TRANSACTION_GAS_MAX:,} (EIP-7825)", "too_much_gas")


def _coin_moved(wanted: Wanted) -> int:
    """As `Payment.coin_moved`."""
    pays_itself = wanted.kind is PaymentKind.BATCH and wanted.delegation is not None and wanted.token is None
    return wanted.raw if pays_itself else int(wanted.call.value_raw)


async def _kept_by_token(desk: PaymentDesk, wanted: Wanted) -> list[str]:
    """A token may keep a fee, or pay out something else than it says. A call promises nobody anything."""
    due: Counter[str] = Counter({row.address: 0 for row in wanted.payees})
    for row in wanted.payees:
        due[row.address] += int(row.raw_amount)
    if wanted.kind is PaymentKind.TRANSFER:
        due[wanted.payee_address] = wanted.raw
    if wanted.token is None or not due:
        return []
    call = node_call(wanted.call, wanted.token, wanted.delegation)
    arrives = await desk.nodes[wanted.network.slug].arrives(wanted.wallet.address, call, wanted.token, list(due))
    if arrives is None:
        return ["Nobody could see how much arrives: the node does not simulate, and a token may keep a fee."]
    gained = dict(zip(due, arrives, strict=True))
    wrong = {address: raw for address, raw in gained.items() if raw != due[address]}
    if not wrong:
        return []
    would = f"{text(to_units(max(sum(gained.values()), 0), wanted.asset.decimals))} {wanted.asset.name} would arrive"
    many = f", and {len(wrong)} of {len(due)} payees would get something else" if len(due) > 1 else ""
    return [f"The token does not pass on what is sent: {would}{many}."]


# ---- worth, judged, as it would be stored ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Worth:
    """In the functional currency, at the last block's prices."""

    currency: str
    rates: Mapping[str, Decimal]  # of the assets that have a price

    def of(self, asset: str, amount: Decimal, kind: PaymentKind) -> Decimal | None:
        """None where there is no price, and for a call: what that moves nobody knows."""
        if kind in (PaymentKind.ALLOWANCE, PaymentKind.DELEGATION):  # they move nothing
            return Decimal(0)
        rate = self.rates.get(asset)
        return None if kind is PaymentKind.CALL or rate is None else to_functional(multiply(amount, rate))


async def worth_of(desk: PaymentDesk, org_id: str, moved: Iterable[tuple[str, PaymentKind]]) -> Worth:
    """For what is moved of these assets: each price is asked for once."""
    organization = await organizations.get(org_id)
    assert organization is not None, "a principal acts in it"
    currency, rates = organization.functional_currency, {}
    for asset in sorted({asset for asset, kind in moved if kind in MOVES}):
        quote = (await price_at(org_id, asset, currency, None, desk.prices, desk.clock.now())).quote
        if quote is not None:
            rates[asset] = quote.rate
    return Worth(currency, rates)


def document(org_id: str, principal: Principal, wanted: Wanted, origin: Origin, worth: Worth, now: datetime) -> Payment:
    """A draft."""
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
        token_contract=wanted.token,
        decimals=wanted.asset.decimals,
        raw_amount=str(wanted.raw),
        amount=wanted.amount,
        call=wanted.call,
        delegation=wanted.delegation,
        description=wanted.description,
        description_folded=wanted.description.strip().casefold(),
        value=worth.of(wanted.asset.name, wanted.amount, wanted.kind),
        value_currency=worth.currency,
        settles=wanted.settles,
        prepared_by=principal.user_id,
        warnings=list(wanted.warnings),
        reason="It is a draft: it has not been put up for approval.",
        due_at=now + rules.DEADLINES[PaymentState.DRAFT],
        deadline_at=rules.deadline(PaymentState.DRAFT, now),
    )


async def judge_all(desk: PaymentDesk, principal: Principal, rows: Sequence[Payment], *, stepped_up: bool = False) -> list[Judgement | Refused]:
    """In turn. OverLimit; SessionNotApproved where nobody else has to approve and the one who prepares it has not confirmed."""
    now = desk.clock.now()
    found: list[Judgement | Refused] = []
    for payment, judged in zip(rows, await judge_in_turn([Subject.of(row) for row in rows], now), strict=True):
        try:
            if judged.verdict.refusal is not None:
                raise OverLimit(judged.verdict.refusal)
            if judged.verdict.approvals_needed == 0 and not stepped_up and payment.way is Way.SIGNER:
                await require_approval(principal.session_id, principal.org_id, Purpose.KEYS, now)
        except CoreError as error:
            found.append(error)
        else:
            found.append(judged)
    return found


def first_state(payment: Payment, judged: Judgement, standing: Standing, now: datetime) -> Changes:
    """Out of DRAFT: what is approved is frozen and hashed."""
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


# ---- stored ----------------------------------------------------------------------------------------------------------------------


async def _store_all(desk: PaymentDesk, org_id: str, rows: Sequence[Payment], guard: Guard | None) -> dict[str, Payment | Refused]:
    """By the id that each was to have."""
    found: dict[str, Payment | Refused] = {}
    for start in range(0, len(rows), STORED_TOGETHER):
        found |= await _store(desk, org_id, rows[start : start + STORED_TOGETHER], guard)
    return found


async def _store(desk: PaymentDesk, org_id: str, rows: Sequence[Payment], guard: Guard | None) -> dict[str, Payment | Refused]:
    now = desk.clock.now()
    faultpoint("payment.before_intent")

    async def work(session: Session) -> dict[str, Payment | Refused]:
        refused = dict(await guard(session, rows)) if guard is not None else {}
        kept = [row for row in rows if row.id not in refused]
        if kept:
            await payments.put(session, kept, now)
        return refused | {row.id: row for row in kept}

    try:
        found = await desk.uow.run(work)
    except Overtaken:  # the same origin at the same moment: the unique index let one in
        there = await store.by_origins(org_id, [row.origin for row in rows])
        left = [row for row in rows if row.origin not in there]
        assert len(left) < len(rows), "it was let in, and a payment is never deleted"
        found = {row.id: there[row.origin] for row in rows if row.origin in there}
        return found | (await _store(desk, org_id, left, guard) if left else {})
    faultpoint("payment.after_intent")
    first = next((row for row in found.values() if isinstance(row, Payment)), None)
    if first is not None:  # whoever comes for it finds the sender's others as well
        await desk.jobs.put(PaymentDue(org_id=org_id, payment_id=first.id))
    return found
