"""Somebody wants to pay many at once: one payment of kind `batch`, through our batch contract.

    allowance of an ERC-20, for exactly the sum → mined → the batch, simulated against it
    where organisation and wallet were opted in: the batch alone, which the wallet runs as its own code (EIP-7702)

What is checked of one payee is checked of each; where one cannot be paid nothing is stored. Everything later is the machine's, as for any payment:
a batch is one transaction, so it is mined for all of them or for nobody.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from crypto_api.flows.look_at_payees import Named, SeenPayee, look_at_payees
from crypto_api.flows.prepare_payment import Payer, listed_asset, payer_of
from crypto_api.flows.prepare_wanted import Guard, PaymentDesk, Wanted, prepare_wanted
from crypto_api.kit.errors import Conflict, FieldError, InvalidInput
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations.types import Principal
from crypto_api.payments import rules
from crypto_api.payments.batch import BATCH_CONTRACT, BATCH_DELEGATE, CODE, PAYEES_MAX, Share, batch_call, delegated_call, delegated_code, total
from crypto_api.payments.batch_plan import AMOUNT_MAX
from crypto_api.payments.delegation import unfit_account
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import BatchPayee, Delegation, Origin, PaymentKind, Way
from crypto_api.policies import service as policies
from crypto_api.wallets import store as wallets

_CONTRACT_NAME = "Coffer's batch contract"


class BatchContractMissing(Conflict):
    """Anybody may put it there: `payments.batch.deployment`."""

    code = "batch_contract_missing"


class DelegatedElsewhere(Conflict):
    """The wallet runs somebody else's code: a person takes that back first."""

    code = "delegated_elsewhere"


@dataclass(frozen=True)
class NewShare:
    """One of `to` and `payee_id`. The amount is in base units. `reference`: what it is for, unique in the batch."""

    raw_amount: int
    reference: str
    to: str | None = None
    payee_id: str | None = None
    settles: Decimal | None = None  # of a liability, in the functional currency


@dataclass(frozen=True)
class NewBatch:
    """`asset` None: the network's coin."""

    wallet_id: str
    shares: Sequence[NewShare]
    asset: str | None = None
    description: str = ""


@dataclass(frozen=True)
class NewAllowance:
    """What the batches of an ERC-20 that follow will pull, in base units."""

    wallet_id: str
    asset: str
    raw_amount: int
    description: str = ""


async def prepare_batch(
    desk: PaymentDesk, principal: Principal, org_id: str, new: NewBatch, origin: Origin, *, confirmed: bool = False, guard: Guard | None = None
) -> Payment:
    """As `prepare_payment`: InvalidInput naming the payee by its place, BatchContractMissing, WouldRevert (also where the allowance is short, or a
    payee does not take it), InsufficientFunds, OverLimit, ChainUnavailable, SessionNotApproved. The same origin has the same payment."""
    return await prepare_wanted(desk, principal, org_id, partial(_wanted_batch, desk, org_id, new), origin, confirmed=confirmed, guard=guard)


async def _wanted_batch(desk: PaymentDesk, org_id: str, new: NewBatch) -> Wanted:
    payer = await payer_of(desk, org_id, new.wallet_id, None)
    require_sound(new.shares)
    delegation = await delegation_of(desk, org_id, payer)
    if delegation is None:
        await require_contract(desk, payer.network)
    seen = await look_at_payees(desk.nodes[payer.network.slug], org_id, payer.network, named(new))
    return wanted_batch(new, payer, seen, await own_addresses(org_id), delegation)


def named(new: NewBatch) -> list[Named]:
    return [Named(share.to, share.payee_id, new.asset) for share in new.shares]


def wanted_batch(
    new: NewBatch, payer: Payer, seen: Sequence[SeenPayee | InvalidInput], own: Collection[str], delegation: Delegation | None = None
) -> Wanted:
    """`own`: of `own_addresses`; `delegation` of `delegation_of`. InvalidInput naming the payee by its place."""
    require_sound(new.shares)
    asset, payees = listed_asset(payer.network, new.asset), _payees(new.shares, seen, own)
    shares = [Share(row.address, int(row.raw_amount)) for row in payees]
    contract, call = BATCH_CONTRACT, batch_call(shares, asset.contract)
    if delegation is not None:
        contract, call = BATCH_DELEGATE, delegated_call(payer.wallet.address, shares, asset.contract)
    raw, name = total(shares), f"{len(payees)} payees" if len(payees) > 1 else "1 payee"
    warnings = tuple(_warnings([row for row in seen if isinstance(row, SeenPayee)]))
    return Wanted(
        *(payer.wallet, payer.network, payer.way, PaymentKind.BATCH, asset, raw, contract, None, name, call, new.description, warnings),
        payees=tuple(payees),
        delegation=delegation,
    )


async def prepare_allowance(
    desk: PaymentDesk, principal: Principal, org_id: str, new: NewAllowance, origin: Origin, *, confirmed: bool = False, guard: Guard | None = None
) -> Payment:
    """Lets the batch contract pull exactly that much, in a call of the wallet's own. It moves nothing, so it counts nothing in any limit. Raises as
    `prepare_batch`."""
    return await prepare_wanted(desk, principal, org_id, partial(_wanted_allowance, desk, org_id, new), origin, confirmed=confirmed, guard=guard)


async def _wanted_allowance(desk: PaymentDesk, org_id: str, new: NewAllowance) -> Wanted:
    payer = await payer_of(desk, org_id, new.wallet_id, None)
    await require_contract(desk, payer.network)
    return wanted_allowance(new, payer)


def wanted_allowance(new: NewAllowance, payer: Payer) -> Wanted:
    """InvalidInput."""
    asset = listed_asset(payer.network, new.asset)
    if asset.contract is None:
        raise InvalidInput.of("asset", "is the network's coin, which needs no allowance", "native_asset")
    if not 0 <= new.raw_amount < 2**256:
        raise InvalidInput.of("raw_amount", "must be at least 0 and below 2^256", "out_of_range")
    call, to = rules.allowance_call(asset.contract, new.raw_amount), (BATCH_CONTRACT, None, _CONTRACT_NAME)
    return Wanted(payer.wallet, payer.network, payer.way, PaymentKind.ALLOWANCE, asset, new.raw_amount, *to, call, new.description)


def require_sound(shares: Sequence[NewShare]) -> None:
    if not 0 < len(shares) <= PAYEES_MAX:
        raise InvalidInput.of("shares", f"must be 1 to {PAYEES_MAX}", "out_of_range")
    seen: set[str] = set()
    for place, share in enumerate(shares):
        if not 0 < share.raw_amount <= AMOUNT_MAX:
            raise InvalidInput.of(f"shares.{place}.raw_amount", "must be more than zero and have at most 12 bytes", "out_of_range")
        if not share.reference or share.reference in seen:
            raise InvalidInput.of(f"shares.{place}.reference", "must say what it is for, each once", "not_unique")
        if (share.to is None) == (share.payee_id is None):
            raise InvalidInput.of(f"shares.{place}.to", "give either an address or payee_id", "required")
        seen.add(share.reference)


async def require_contract(desk: PaymentDesk, network: NetworkConfig) -> None:
    """BatchContractMissing."""
    if not await desk.nodes[network.slug].has_code(BATCH_CONTRACT):
        raise BatchContractMissing(f"Our batch contract is not on {network.name} yet: it has to be deployed at {BATCH_CONTRACT} first.")


async def pays_delegated(org_id: str, payer: Payer, now: datetime) -> bool:
    """Whether organisation and wallet were both opted in to run our code as the account's own (EIP-7702). Only with a key of ours: hardly any wallet
    of a person signs such an authorization for a page."""
    if payer.way is not Way.SIGNER or not payer.wallet.pays_delegated:
        return False
    return (await policies.current(org_id, now)).policy.delegated_batches


async def delegation_of(desk: PaymentDesk, org_id: str, payer: Payer) -> Delegation | None:
    """How the wallet pays many; None: through the batch contract. BatchContractMissing, DelegatedElsewhere, Conflict where the network has no
    transactions of type 4."""
    if not await pays_delegated(org_id, payer, desk.clock.now()):
        return None
    node, network = desk.nodes[payer.network.slug], payer.network
    ours, account = await node.codes([BATCH_DELEGATE, payer.wallet.address])
    if ours != CODE[BATCH_DELEGATE]:
        raise BatchContractMissing(f"Our code for accounts is not on {network.name} yet: it has to be deployed at {BATCH_DELEGATE} first.")
    if (why := unfit_account(account, authorizes=True)) is not None:
        raise DelegatedElsewhere(why)
    if not (await node.market()).set_code:
        raise Conflict(f"{network.name} takes no transactions of type 4 (EIP-7702).", code="no_set_code_transactions")
    return Delegation(delegate=BATCH_DELEGATE, authorizes=account != delegated_code(BATCH_DELEGATE))


async def own_addresses(org_id: str) -> set[str]:
    """Between own wallets is no payment to anybody, and is booked otherwise; what is sent to the contract itself would be lost."""
    return {row.address for row in await wallets.active(org_id)} | {BATCH_CONTRACT, BATCH_DELEGATE}


def _payees(shares: Sequence[NewShare], seen: Sequence[SeenPayee | InvalidInput], own: Collection[str]) -> list[BatchPayee]:
    found = []
    for place, (share, row) in enumerate(zip(shares, seen, strict=True)):
        if isinstance(row, InvalidInput):
            raise InvalidInput(*(FieldError(f"shares.{place}.{fault.field}", fault.message, fault.code) for fault in row.errors))
        if row.address in own:
            raise InvalidInput.of(f"shares.{place}.to", "is a wallet of this organisation, or the batch contract itself", "same_wallet")
        payee = BatchPayee(address=row.address, raw_amount=str(share.raw_amount), reference=share.reference, settles=share.settles)
        found.append(payee.model_copy(update={"payee_id": row.payee_id, "name": row.name}))
    return found


def _warnings(seen: Sequence[SeenPayee]) -> list[str]:
    """Of all, each once, with the places that it is about."""
    found: dict[str, list[int]] = {}
    for place, row in enumerate(seen, 1):
        for warning in row.warnings:
            found.setdefault(warning, []).append(place)
    return [f"Payee {_places(places)}: {warning}" for warning, places in found.items()]


def _places(places: Sequence[int]) -> str:
    shown = ", ".join(map(str, places[:10]))
    return shown if len(places) <= 10 else f"{shown} and {len(places) - 10} more"
