"""One click on an item of the inbox: what was chosen is done by the flow that does such things, and what came of it stands in the item.

The item closes by what is true afterwards, never because somebody clicked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from crypto_api.chains.types import ChainReader
from crypto_api.classification.types import Category
from crypto_api.flows.annotate_transaction import Annotation, annotate_transaction
from crypto_api.flows.book_difference import Explanation, NotAtRest, book_difference
from crypto_api.flows.checkpoint_wallets import checkpoint_wallets
from crypto_api.flows.explain_difference import explain_difference, told
from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.flows.revalue import Revalued, opening_moment_of, revalue_opening, revalue_transaction
from crypto_api.flows.uncovered_refunds import write_off
from crypto_api.inbox import service as inbox
from crypto_api.inbox import store
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.errors import ItemClosed, NoSuchRemedy
from crypto_api.inbox.types import OPEN_STATES, REMEDIES, ItemKind, Remedy
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound, Unavailable
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger.types import AccountCode
from crypto_api.organizations import store as organizations
from crypto_api.prices import service as prices
from crypto_api.prices.types import PriceSources
from crypto_api.transactions import store as transactions
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Wallet
from mongodb_config.unit_of_work import UnitOfWork

AGREE = "The books hold what the chain does."


@dataclass(frozen=True)
class Choice:
    """What a person chose. Which of the fields are needed is the remedy's matter."""

    remedy: Remedy
    asset: str | None = None
    rate: Decimal | None = None
    category: Category | None = None
    counterparty: str | None = None
    account_code: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Bench:
    """What remedies work with."""

    uow: UnitOfWork
    clock: Clock
    networks: Mapping[str, NetworkConfig]
    chains: Mapping[str, ChainReader]
    feeds: PriceSources


async def remedy_item(bench: Bench, org_id: str, item_id: str, choice: Choice, by: str) -> InboxItem:
    """The item as it stands afterwards. NotFound, ItemClosed, NoSuchRemedy, InvalidInput naming what the remedy needs, NotAtRest."""
    item = await store.get(org_id, item_id)
    if item is None:
        raise NotFound
    if not item.live or item.state not in OPEN_STATES:
        raise ItemClosed
    if choice.remedy not in REMEDIES[item.kind]:
        raise NoSuchRemedy([remedy.value for remedy in REMEDIES[item.kind]])
    outcome = await _do(bench, org_id, item, choice, by)
    await bench.uow.run(lambda session: inbox.tried(session, org_id, item_id, bench.clock.now(), choice.remedy.value, outcome, by))
    await sweep_inbox(bench.uow, bench.clock, org_id, bench.networks)
    done = await store.get(org_id, item_id)
    assert done is not None, "items are never deleted"
    return done


async def _do(bench: Bench, org_id: str, item: InboxItem, choice: Choice, by: str) -> str:
    """What came of it, in a sentence. A node that is away is an outcome too: the item says so."""
    try:
        match choice.remedy:
            case Remedy.RECHECK:
                return await _recheck(bench, org_id, item)
            case Remedy.BOOK_DIFFERENCE:
                return await _book(bench, org_id, item, choice, by)
            case Remedy.SEARCH_INTERNAL_TRANSFERS:
                return await _search(bench, org_id, item)
            case Remedy.RETRY_PRICE:
                return _told(await _revalue(bench, org_id, item))
            case Remedy.ENTER_PRICE:
                return await _enter_price(bench, org_id, item, choice, by)
            case Remedy.CLASSIFY:
                return await _classify(bench, org_id, item, choice)
    except ChainUnavailable as error:
        return f"The node did not answer: {error.detail}"


# ---- chain and books -------------------------------------------------------------------------------------------------------------


async def _recheck(bench: Bench, org_id: str, item: InboxItem) -> str:
    if item.kind is not ItemKind.RECONCILIATION_DIFFERENCE:
        return "Looked at again."
    wallet = await _wallet(org_id, item)
    network = _network(bench, wallet.network)
    found = await checkpoint_wallets(bench.uow, bench.clock, network, bench.chains[network.slug], [wallet])
    if found is None:
        raise NotAtRest
    differing = [row for row in found if not row.agrees and row.asset == item.facts["asset"]]
    return "The difference stands as it did." if differing else AGREE


async def _book(bench: Bench, org_id: str, item: InboxItem, choice: Choice, by: str) -> str:
    if not choice.reason:
        raise InvalidInput.of("reason", "is needed: say what the difference was", "required")
    explanation = Explanation(choice.account_code or AccountCode.SUSPENSE, choice.reason, by)
    if item.kind is ItemKind.REFUND_UNCOVERED:
        written = await write_off(bench.uow, bench.clock, org_id, item.facts["receipt_id"], explanation)
        return f"Booked as {written.id}: {choice.reason}" if written is not None else "Nothing of it is in the books (any more)."
    wallet = await _wallet(org_id, item)
    network = _network(bench, wallet.network)
    entry = await book_difference(bench.uow, bench.clock, wallet, item.facts["asset"], network, bench.chains[network.slug], bench.feeds, explanation)
    return f"Booked as {entry.id}: {choice.reason}" if entry is not None else "There is no difference any more."


async def _search(bench: Bench, org_id: str, item: InboxItem) -> str:
    """The difference as it is now, not as it was when the item was last told."""
    wallet = await _wallet(org_id, item)
    network = _network(bench, wallet.network)
    found = await checkpoint_wallets(bench.uow, bench.clock, network, bench.chains[network.slug], [wallet])
    if found is None:
        raise NotAtRest
    row = next((row for row in found if row.asset == item.facts["asset"] and not row.agrees), None)
    if row is None:
        return AGREE
    return told(await explain_difference(bench.uow, bench.clock, network, bench.chains[network.slug], row))


async def _wallet(org_id: str, item: InboxItem) -> Wallet:
    wallet = await wallet_store.get(org_id, item.facts["wallet_id"])
    if wallet is None:
        raise ItemClosed
    return wallet


def _network(bench: Bench, slug: str) -> NetworkConfig:
    network = bench.networks.get(slug)
    if network is None:
        raise Unavailable("The network is not configured any more.", code="network_unavailable")
    return network


# ---- prices ----------------------------------------------------------------------------------------------------------------------


async def _revalue(bench: Bench, org_id: str, item: InboxItem) -> Revalued:
    network = _network(bench, item.facts["network"])
    if item.subject_kind == "transaction":
        return await revalue_transaction(bench.uow, bench.clock, org_id, item.subject_id, network, bench.feeds)
    wallet = await _wallet(org_id, item)
    return await revalue_opening(bench.uow, bench.clock, wallet, network, bench.chains[network.slug], bench.feeds)


def _told(result: Revalued) -> str:
    if not result.unpriced:
        return "It has its value."
    return "A part of it has a value now; something is still missing." if result.changed else "No source tells it."


async def _enter_price(bench: Bench, org_id: str, item: InboxItem, choice: Choice, by: str) -> str:
    assets = item.facts["assets"].split()
    asset = choice.asset or (assets[0] if len(assets) == 1 else None)
    if asset not in assets:
        raise InvalidInput.of("asset", f"must be one of {', '.join(assets)}", "unknown_asset")
    rate = choice.rate
    if rate is None:
        raise InvalidInput.of("rate", "is needed: what one of it was worth", "required")
    organization = await organizations.get(org_id)
    assert organization is not None
    if item.subject_kind == "transaction":
        row = await transactions.get(org_id, item.subject_id)
        if row is None:
            raise ItemClosed
        at = row.timestamp
    else:
        wallet = await _wallet(org_id, item)
        at = (await opening_moment_of(wallet, _network(bench, wallet.network), bench.chains[wallet.network])).at
    now = bench.clock.now()
    await bench.uow.run(
        lambda session: prices.set_manual(
            session, org_id, asset=asset, quote=organization.functional_currency, at=at, rate=rate, reason=choice.reason, user_id=by, now=now
        )
    )
    return f"A price was entered. {_told(await _revalue(bench, org_id, item))}"


# ---- meaning ---------------------------------------------------------------------------------------------------------------------


async def _classify(bench: Bench, org_id: str, item: InboxItem, choice: Choice) -> str:
    if choice.category is None or choice.category is Category.UNCLASSIFIED:
        raise InvalidInput.of("category", "is needed: what it was", "required")
    annotation = Annotation(category=choice.category, counterparty=choice.counterparty, explanation=choice.reason or None)
    await annotate_transaction(bench.uow, bench.clock, org_id, item.subject_id, annotation)
    return f"Classified as {choice.category.value}."
