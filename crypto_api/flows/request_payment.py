"""An invoice that was sent can be paid on a chain: at an address of its own, or at a wallet that is shared, at a rate that is locked for a while.

request   an address (derived from the organisation's public key, and watched from now on, or a wallet), and a link that nobody can guess
choose    by the payer, of the assets that the seller offers on that network: the one that is asked for from then on
lock      an amount of the asset for what is due, at a rate with its source and time; never at none, at zero, or at an old one
renew     by the payer, once the lock has run out, or when something else is due by now
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from crypto_api.chains import service as chains
from crypto_api.chains.types import ChainAsset
from crypto_api.flows.issue_invoice import Then
from crypto_api.flows.price_at import Prices, price_at
from crypto_api.identity.types import SecretBoxPort
from crypto_api.invoices import store as invoices
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import CryptoTerms, InvoiceKind, InvoiceStatus
from crypto_api.kit import extended_keys
from crypto_api.kit.amounts import to_raw
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id, new_token
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations.rules import hash_token
from crypto_api.prices.types import Quote
from crypto_api.receivables import rules, service, store
from crypto_api.receivables.documents import PaymentRequest
from crypto_api.receivables.errors import NoLockableRate, NoReceivingAddress, NotPayable, RateStillLocked
from crypto_api.receivables.types import LOCK_MINUTES, OFFERS_MAX, Offer, RateLock, ReceiptState
from crypto_api.wallets import service as wallets
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Opening
from mongodb_config.unit_of_work import Session, UnitOfWork

_OPEN = (InvoiceStatus.SENT, InvoiceStatus.PARTIAL, InvoiceStatus.OVERDUE)


@dataclass(frozen=True)
class Receiving:
    """What payments are asked for with."""

    uow: UnitOfWork
    clock: Clock
    networks: Mapping[str, NetworkConfig]
    prices: Prices
    box: SecretBoxPort
    site: str  # https://coffer.example


@dataclass(frozen=True)
class Checked:
    network: NetworkConfig
    assets: tuple[ChainAsset, ...]  # the first is asked for until the payer chooses another
    wallet_id: str | None


async def checked(desk: Receiving, org_id: str, terms: CryptoTerms) -> Checked:
    """InvalidInput naming the field; NoReceivingAddress where no wallet is named and there is no extended key."""
    network = desk.networks.get(terms.network)
    if network is None:
        raise InvalidInput.of("network", f"must be one of {', '.join(desk.networks)}", "unknown_network")
    assets = _offered(network, terms)
    if terms.wallet_id is None:
        own = await store.settings(org_id)
        if own is None or not own.extended_key:
            raise NoReceivingAddress
        return Checked(network, assets, None)
    wallet = await wallet_store.get(org_id, terms.wallet_id)
    if wallet is None or wallet.receives is not None:
        raise InvalidInput.of("receive_wallet_id", "is no wallet of this organisation", "unknown_wallet")
    if wallet.network != network.slug:
        raise InvalidInput.of("receive_wallet_id", f"is on {wallet.network}, not on {network.slug}", "other_network")
    if not wallet.monitoring_enabled:
        raise InvalidInput.of("receive_wallet_id", "is not watched: nobody would see the payment", "not_watched")
    return Checked(network, assets, wallet.id)


def _offered(network: NetworkConfig, terms: CryptoTerms) -> tuple[ChainAsset, ...]:
    listed = {row.name: row for row in chains.listed_assets(network)}
    for field, names in (("crypto_currency", (terms.asset,)), ("crypto_alternatives", terms.also)):
        if any(name not in listed for name in names):
            raise InvalidInput.of(field, f"must be one of {', '.join(listed)} on {network.slug}", "unknown_asset")
    if len({terms.asset, *terms.also}) != 1 + len(terms.also) or len(terms.also) >= OFFERS_MAX:
        raise InvalidInput.of("crypto_alternatives", f"must be other assets, each once, and at most {OFFERS_MAX - 1}", "offered_twice")
    return tuple(listed[name] for name in (terms.asset, *terms.also))


def asking(desk: Receiving, org_id: str, user_id: str, found: Checked) -> Then:
    """What takes part in the unit of work that sends the invoice."""

    async def ask(session: Session, invoice: Invoice) -> PaymentRequest:
        return await _put(session, desk, org_id, user_id, invoice, found)

    return ask


async def request_payment(desk: Receiving, org_id: str, user_id: str, invoice_id: str, terms: CryptoTerms) -> PaymentRequest:
    """Of an invoice that was sent. Asked again for the same: what is there. NotFound, NotPayable, GapLimitReached, and as `checked`."""
    found = await checked(desk, org_id, terms)

    async def work(session: Session) -> PaymentRequest:
        invoice = await invoices.get(org_id, invoice_id, session)
        if invoice is None:
            raise NotFound
        if invoice.kind is not InvoiceKind.INVOICE or invoice.status not in _OPEN:
            raise NotPayable("Only an invoice that was sent, and that something is due of, is paid.")
        known = await store.request_of(org_id, invoice_id, session)
        if known is None:
            return await _put(session, desk, org_id, user_id, invoice, found)
        offered, place = [offer.asset for offer in known.offered], known.own if terms.wallet_id is None else known.wallet_id == terms.wallet_id
        if (offered, known.network) == ([terms.asset, *terms.also], terms.network) and place:
            return known
        raise NotPayable("It is asked for in another way already, and its payer may hold that address. Cancel the invoice and write it again.")

    return await desk.uow.run(work)


async def with_network(desk: Receiving, org_id: str, asset: str, network: str | None, wallet_id: str | None, also: Sequence[str] = ()) -> CryptoTerms:
    """Left out: that of the wallet, or the only one that there is. InvalidInput."""
    if network is None and wallet_id is not None:
        wallet = await wallet_store.get(org_id, wallet_id)
        network = wallet.network if wallet is not None else None
    if network is None and len(desk.networks) == 1:
        network = next(iter(desk.networks))
    if network is None:
        raise InvalidInput.of("network", f"must be one of {', '.join(desk.networks)}", "missing")
    return CryptoTerms(asset=asset, network=network, wallet_id=wallet_id, also=tuple(also))


async def asking_for(desk: Receiving, org_id: str, user_id: str, invoice_id: str) -> Then | None:
    """What takes part in the unit of work that sends an invoice which may be paid on a chain. As `checked`."""
    row = await invoices.get(org_id, invoice_id)
    if row is None or row.crypto is None or row.kind is not InvoiceKind.INVOICE or row.status is not InvoiceStatus.DRAFT:
        return None
    return asking(desk, org_id, user_id, await checked(desk, org_id, row.crypto))


async def first_rate(desk: Receiving, org_id: str, invoice_id: str) -> None:
    """Where one is known; else its payer asks for it."""
    request = await store.request_of(org_id, invoice_id)
    if request is not None:
        with suppress(NoLockableRate, NotPayable, RateStillLocked, PreconditionFailed):
            await lock_rate(desk, request)


async def lock_rate(desk: Receiving, request: PaymentRequest) -> PaymentRequest:
    """An amount for what is due now, in the asset that is asked for. RateStillLocked, NoLockableRate, NotPayable; PreconditionFailed when somebody
    was faster."""
    invoice = await _payable(desk, request)
    now = desk.clock.now()
    if await _stands(request, invoice, now):
        raise RateStillLocked
    return await _lock(desk, request, invoice, now)


async def choose_asset(desk: Receiving, request: PaymentRequest, asset: str) -> PaymentRequest:
    """By the payer: another of the assets that are offered is asked for from now on, at its rate of now. Whoever comes back to one whose rate still
    stands finds that rate, so that nobody gets a better one by going to and fro; and what was locked before counts until it has run out, since the
    money may be on its way. InvalidInput for one that is not offered; NotPayable, also while a payment is seen and not final; NoLockableRate,
    PreconditionFailed."""
    offer = next((row for row in request.offered if row.asset == asset), None)
    if offer is None:
        raise InvalidInput.of("asset", f"must be one of {', '.join(row.asset for row in request.offered)}", "not_offered")
    if asset == request.asset and request.lock is not None:
        return request
    invoice = await _payable(desk, request)
    if any(row.state is ReceiptState.WAITING for row in await store.of_invoice(request.org_id, request.invoice_id)):
        raise NotPayable("A payment is on its way already: wait until its block is final, and see what is still due then.")
    now, chosen = desk.clock.now(), request.model_copy(update=offer.model_dump())
    if not await _stands(chosen, invoice, now):
        return await _lock(desk, chosen, invoice, now)
    return await desk.uow.run(lambda session: service.put_choice(session, chosen, now))


async def _payable(desk: Receiving, request: PaymentRequest) -> Invoice:
    invoice = await invoices.get(request.org_id, request.invoice_id)
    assert invoice is not None, "what was asked for is never deleted"
    if invoice.status not in _OPEN or invoice.due <= 0:
        raise NotPayable("Nothing is due of it.")
    return invoice


async def _stands(request: PaymentRequest, invoice: Invoice, now: datetime) -> bool:
    """Whether a rate is locked for what is due, in the asset that is asked for."""
    lock = current_lock(request, invoice, await applied_under(request))
    return lock is not None and lock.expires_at > now


async def _lock(desk: Receiving, request: PaymentRequest, invoice: Invoice, now: datetime) -> PaymentRequest:
    quote = await _rate(desk, request, now)
    taken = await _taken(request, now)
    amount = rules.asked_amount(invoice.due, quote.rate, request.decimals, taken)
    own = service.as_kept(request.org_id, await store.settings(request.org_id), now)
    given = RateLock(
        number=max((lock.number for lock in request.locks), default=0) + 1,
        asset=request.asset,
        due=invoice.due,
        amount=amount,
        raw_amount=str(to_raw(amount, request.decimals)),
        rate=quote.rate,
        source=quote.origin or quote.source.value,
        rate_at=quote.at,
        locked_at=now,
        expires_at=now + timedelta(minutes=own.lock_minutes or LOCK_MINUTES),
    )
    return await desk.uow.run(lambda session: service.put_lock(session, request, given, now))


async def applied_under(request: PaymentRequest) -> Decimal:
    """What of the invoice was settled under the last lock."""
    if request.lock is None:
        return Decimal(0)
    rows = await store.of_invoice(request.org_id, request.invoice_id)
    uses = [use for row in rows for use in row.uses if use.invoice_id == request.invoice_id and use.lock == request.lock.number]
    return sum((use.amount for use in uses), Decimal(0))


def current_lock(request: PaymentRequest, invoice: Invoice, applied: Decimal) -> RateLock | None:
    """The last one, unless something else settled or credited a part of the invoice since: then it is for another amount than is due."""
    lock = request.lock
    return lock if lock is not None and lock.due - applied == invoice.due else None


def link_of(desk: Receiving, request: PaymentRequest) -> str:
    """For the invoice and its mail: whoever has it can pay, and see what was paid."""
    token = desk.box.open(request.token_sealed, _bound_to(request.id)).decode()
    return f"{desk.site.rstrip('/')}/pay/{token}/"


@dataclass(frozen=True)
class Asked:
    """How an invoice can be paid on a chain, for whoever may read it."""

    request: PaymentRequest
    watched: bool  # nobody is told an address before it is
    link: str


async def asked_of(desk: Receiving, org_id: str, invoice_ids: Collection[str]) -> dict[str, Asked]:
    """By invoice, of those that can."""
    requests = await store.requests_of(org_id, invoice_ids) if invoice_ids else {}
    rows = await wallet_store.by_ids(org_id, [row.wallet_id for row in requests.values()]) if requests else []
    watched = {row.id for row in rows if row.active and row.monitoring_enabled and row.opening is Opening.DONE}
    return {invoice_id: Asked(row, row.wallet_id in watched, link_of(desk, row)) for invoice_id, row in requests.items()}


# ---- parts -----------------------------------------------------------------------------------------------------------------------


async def _put(session: Session, desk: Receiving, org_id: str, user_id: str, invoice: Invoice, found: Checked) -> PaymentRequest:
    now, request_id, token = desk.clock.now(), new_id("prq"), new_token()
    place = await _place(session, org_id, user_id, invoice, found, now)
    offers = [Offer(asset=row.name, contract=row.contract, decimals=row.decimals) for row in found.assets]
    first = offers[0]
    row = PaymentRequest(
        id=request_id,
        created_at=now,
        updated_at=now,
        org_id=org_id,
        invoice_id=invoice.id,
        number=str(invoice.number),
        client_id=invoice.client_id,
        currency=invoice.currency,
        currency_decimals=invoice.decimals,
        network=found.network.slug,
        chain_id=found.network.chain_id,
        asset=first.asset,
        contract=first.contract,
        decimals=first.decimals,
        offers=offers,
        token_hash=hash_token(token),
        token_sealed=desk.box.seal(token.encode(), _bound_to(request_id)),
        **place,
    )
    await service.put_request(session, row, now)
    return row


async def _place(session: Session, org_id: str, user_id: str, invoice: Invoice, found: Checked, now: datetime) -> dict[str, object]:
    if found.wallet_id is not None:
        wallet = await wallet_store.get(org_id, found.wallet_id, session)
        if wallet is None:
            raise InvalidInput.of("receive_wallet_id", "is no wallet of this organisation", "unknown_wallet")
        return {"wallet_id": wallet.id, "address": wallet.address, "own": False}
    settings = await store.settings(org_id, session)
    if settings is None or not settings.extended_key:
        raise NoReceivingAddress
    key, index, address = await service.next_address(session, org_id, settings, now)
    wallet = await wallets.watch_address(session, org_id, user_id, f"Invoice {invoice.number}", address, found.network.slug, invoice.id, now)
    path = extended_keys.receiving_path(extended_keys.parse(settings.extended_key), index)
    return {"wallet_id": wallet.id, "address": address, "own": True, "key_id": key.id, "index": index, "path": path}


async def _rate(desk: Receiving, request: PaymentRequest, now: datetime) -> Quote:
    found = (await price_at(request.org_id, request.asset, request.currency, None, desk.prices, now)).quote
    if found is None or not rules.fresh(found.rate, found.at, now):
        raise NoLockableRate(request.asset, request.currency)
    return found


async def _taken(request: PaymentRequest, now: datetime) -> list[Decimal]:
    """What others are asked for at the same wallet: there the amount alone tells who paid."""
    if request.own:
        return []
    others = [row for row in await store.requests_at(request.org_id, [request.wallet_id]) if row.id != request.id]
    return [lock.amount for row in others for lock in row.locks_in(request.asset) if lock.expires_at > now - timedelta(hours=1)]


def _bound_to(request_id: str) -> str:
    return f"pay:{request_id}"
