"""Somebody wants to pay many at once: one payment of kind `batch`, through our batch contract.

    allowance of an ERC-20, for exactly the sum → mined → the batch, simulated against it

What is checked of one payee is checked of each; where one cannot be paid nothing is stored. Everything later is the machine's, as for any payment:
a batch is one transaction, so it is mined for all of them or for nobody.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from crypto_api.address_book import store as address_book
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PRESENT
from crypto_api.flows.keep_address_book import known_addresses
from crypto_api.flows.prepare_payment import (
    Guard,
    PaymentDesk,
    Wanted,
    checked_address,
    listed_asset,
    payer_of,
    prepare_wanted,
    warnings_of,
)
from crypto_api.kit.errors import Conflict, InvalidInput
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations.types import Principal
from crypto_api.payments import rules
from crypto_api.payments.batch import BATCH_CONTRACT, PAYEES_MAX, Share, batch_call, total
from crypto_api.payments.batch_plan import AMOUNT_MAX
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import BatchPayee, Origin, PaymentKind
from crypto_api.wallets import store as wallets

_CHECKED_AT_ONCE = 20
_CONTRACT_NAME = "Coffer's batch contract"


class BatchContractMissing(Conflict):
    """Anybody may put it there: `payments.batch.deployment`."""

    code = "batch_contract_missing"


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
    wallet, network, way = await payer_of(desk, org_id, new.wallet_id, None)
    asset = listed_asset(network, new.asset)
    _require_sound(new.shares)
    await _require_contract(desk, network)
    payees = await _payees(org_id, network, new.shares)
    await _require_foreign(org_id, payees)
    warnings = await _warnings(desk, org_id, network, new.shares, payees)
    shares = [Share(row.address, int(row.raw_amount)) for row in payees]
    call = batch_call(shares, asset.contract)
    raw, name = total(shares), f"{len(payees)} payees" if len(payees) > 1 else "1 payee"
    return Wanted(
        *(wallet, network, way, PaymentKind.BATCH, asset, raw, BATCH_CONTRACT, None, name, call, new.description, tuple(warnings)),
        payees=tuple(payees),
    )


async def prepare_allowance(
    desk: PaymentDesk, principal: Principal, org_id: str, new: NewAllowance, origin: Origin, *, confirmed: bool = False, guard: Guard | None = None
) -> Payment:
    """Lets the batch contract pull exactly that much, in a call of the wallet's own. It moves nothing, so it counts nothing in any limit. Raises as
    `prepare_batch`."""
    return await prepare_wanted(desk, principal, org_id, partial(_wanted_allowance, desk, org_id, new), origin, confirmed=confirmed, guard=guard)


async def _wanted_allowance(desk: PaymentDesk, org_id: str, new: NewAllowance) -> Wanted:
    wallet, network, way = await payer_of(desk, org_id, new.wallet_id, None)
    asset = listed_asset(network, new.asset)
    if asset.contract is None:
        raise InvalidInput.of("asset", "is the network's coin, which needs no allowance", "native_asset")
    if not 0 <= new.raw_amount < 2**256:
        raise InvalidInput.of("raw_amount", "must be at least 0 and below 2^256", "out_of_range")
    await _require_contract(desk, network)
    call = rules.allowance_call(asset.contract, new.raw_amount)
    return Wanted(wallet, network, way, PaymentKind.ALLOWANCE, asset, new.raw_amount, BATCH_CONTRACT, None, _CONTRACT_NAME, call, new.description)


def _require_sound(shares: Sequence[NewShare]) -> None:
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


async def _require_contract(desk: PaymentDesk, network: NetworkConfig) -> None:
    if not await desk.nodes[network.slug].has_code(BATCH_CONTRACT):
        raise BatchContractMissing(f"Our batch contract is not on {network.name} yet: it has to be deployed at {BATCH_CONTRACT} first.")


async def _payees(org_id: str, network: NetworkConfig, shares: Sequence[NewShare]) -> list[BatchPayee]:
    addresses = {place: checked_address(share.to or "") for place, share in enumerate(shares) if share.payee_id is None}
    listed: dict[str, Payee] = {}  # one entry for each address
    for row in await address_book.at_any(org_id, set(addresses.values())):
        if row.network in (None, network.slug):
            listed.setdefault(row.address, row)
    found = []
    for place, share in enumerate(shares):
        entry = listed.get(addresses[place]) if share.payee_id is None else await _entry(org_id, network, share.payee_id, place)
        address = entry.address if entry is not None else addresses[place]
        named: dict[str, str] = {"payee_id": entry.id, "name": entry.name} if entry is not None else {}
        found.append(BatchPayee(address=address, raw_amount=str(share.raw_amount), reference=share.reference, settles=share.settles, **named))
    return found


async def _entry(org_id: str, network: NetworkConfig, payee_id: str, place: int) -> Payee:
    entry = await address_book.get(org_id, payee_id)
    if entry is None or entry.state not in PRESENT or entry.network not in (None, network.slug):
        raise InvalidInput.of(f"shares.{place}.payee_id", "is no entry of the address book for this network", "unknown_payee")
    return entry


async def _require_foreign(org_id: str, payees: Sequence[BatchPayee]) -> None:
    """Between own wallets is no payment to anybody, and is booked otherwise; what is sent to the contract itself would be lost."""
    own = {row.address for row in await wallets.active(org_id)} | {BATCH_CONTRACT}
    for place, row in enumerate(payees):
        if row.address in own:
            raise InvalidInput.of(f"shares.{place}.to", "is a wallet of this organisation, or the batch contract itself", "same_wallet")


async def _warnings(desk: PaymentDesk, org_id: str, network: NetworkConfig, shares: Sequence[NewShare], payees: Sequence[BatchPayee]) -> list[str]:
    """Of all, each once, with the places that it is about."""
    found: dict[str, list[int]] = {}
    rows, known = list(zip(shares, payees, strict=True)), await known_addresses(org_id)
    for first in range(0, len(rows), _CHECKED_AT_ONCE):
        part = rows[first : first + _CHECKED_AT_ONCE]
        told = await asyncio.gather(*(warnings_of(desk, org_id, network, share.to or row.address, row.address, known) for share, row in part))
        for place, warnings in enumerate(told, first + 1):
            for warning in warnings:
                found.setdefault(warning, []).append(place)
    return [f"Payee {_places(places)}: {warning}" for warning, places in found.items()]


def _places(places: Sequence[int]) -> str:
    shown = ", ".join(map(str, places[:10]))
    return shown if len(places) <= 10 else f"{shown} and {len(places) - 10} more"
