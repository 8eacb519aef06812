"""Open the books of wallets that begin to be watched: what each holds at the last block processed comes in as an opening entry, and its
movements count from the next block on.

The follower itself does it between two blocks, under compare-and-set on the cursor, so that no block lies between the opening and the
first movement. A wallet whose watching paused is opened again the same way: what changed meanwhile comes in as one difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from crypto_api.chains import service as chain_service
from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import ChainCursor
from crypto_api.chains.types import ChainReader, Position
from crypto_api.events import service as events
from crypto_api.flows.agree_on_openings import NotAgreed, OpeningReader, agreed_balances, note_waiting
from crypto_api.kit.amounts import add_exactly, is_exact, to_units
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.types import AccountCode, Acquisition, Change, Disposal, EntryDraft, EntryStatus, Place, Source, SourceKind
from crypto_api.organizations import store as organizations
from crypto_api.prices import service as prices
from crypto_api.prices.types import Moment, PriceSources
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Wallet
from crypto_api.wallets.events import WalletOpened
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class Difference:
    """What the chain holds more (or less) than the books, worth `value` in the functional currency (None: unpriced)."""

    asset: str
    quantity: Decimal
    value: Decimal | None


async def opening_moment(network: NetworkConfig, chain: ChainReader, cursor: ChainCursor) -> Moment | None:
    """The cursor's block as the point in time at which wallets open; None when the chain no longer has it. Raises ChainUnavailable."""
    header = await chain.header(cursor.height)
    if header is None or header.hash != cursor.hash:
        return None
    return Moment(network, cursor.height, cursor.hash, datetime.fromtimestamp(header.timestamp, UTC))


async def read_opening(
    uow: UnitOfWork, clock: Clock, wallet: Wallet, chain: OpeningReader, feeds: PriceSources, moment: Moment
) -> list[Difference] | None:
    """What the wallet opens with. Nothing of it may be waiting to be booked: its opening is what the chain holds more than the books. None where
    providers do not agree on it, and the wallet says so; ChainUnavailable when no node can tell the balances at that block."""
    try:
        return await _differences(wallet, moment.network, chain, feeds, moment, clock.now())
    except NotAgreed as error:
        await note_waiting(uow, clock, wallet, str(error))
        return None


async def reverse_opening(session: Session, wallet: Wallet, now: datetime) -> None:
    """Takes the opening entry back, in the unit of work that orphans its block."""
    assert wallet.opened_at_hash is not None
    for entry in await ledger_store.entries_of_source(wallet.org_id, SourceKind.OPENING, _source_id(wallet, wallet.opened_at_hash), session):
        if entry.status is EntryStatus.POSTED:
            await ledger.reverse(session, wallet.org_id, entry.id, now, "The block of the opening is no longer part of the chain")


async def open_wallet(uow: UnitOfWork, clock: Clock, wallet: Wallet, differences: Sequence[Difference], moment: Moment) -> bool:
    """False when the cursor has moved on or somebody else was first: nothing is changed then."""
    here = Position(moment.block_number, moment.block_hash)
    organization = await organizations.get(wallet.org_id)
    assert organization is not None, f"wallet {wallet.id} of an organisation that does not exist"
    day = day_of(moment.at, organization.time_zone)

    async def work(session: Session) -> bool:
        now = clock.now()
        if not await chain_store.count_opening(session, moment.network.slug, here) or not await wallet_store.mark_opened(
            session, wallet, here.height, here.hash, now
        ):
            return False
        if differences:
            source_id = _source_id(wallet, here.hash)
            purpose = await ledger.open_purpose(session, wallet.org_id, SourceKind.OPENING, source_id, "opening")
            places = {Place(AccountCode.CRYPTO, wallet.id, row.asset) for row in differences}
            held = await ledger_store.holdings_in(wallet.org_id, places, session)
            posting = ledger_rules.post([_change(wallet, row) for row in differences], held)
            draft = EntryDraft(
                date=day,
                description=f"Opening balance of {wallet.name}",
                source=Source(kind=SourceKind.OPENING, id=source_id, purpose=purpose),
                reference=f"block {here.height}",
                lines=list(posting.lines),
                unpriced=posting.unpriced,
            )
            await ledger.post(session, wallet.org_id, draft, now)
        await events.append(
            session,
            wallet.org_id,
            WalletOpened(
                wallet_id=wallet.id,
                network=wallet.network,
                address=wallet.address,
                name=wallet.name,
                monitoring_enabled=True,
                block_number=here.height,
            ),
            now,
        )
        return True

    return await uow.run(work)


def _source_id(wallet: Wallet, block_hash: str) -> str:
    return f"{wallet.id}@{block_hash}"


def _change(wallet: Wallet, row: Difference) -> Change:
    place = Place(AccountCode.CRYPTO, wallet.id, row.asset)
    if row.quantity > 0:
        return Acquisition(place, row.quantity, row.value, AccountCode.OPENING, "Held when watching began")
    return Disposal(place, row.quantity.copy_abs(), row.value, AccountCode.OPENING, "Gone while not watched")


async def _differences(
    wallet: Wallet, network: NetworkConfig, chain: OpeningReader, feeds: PriceSources, moment: Moment, now: datetime
) -> list[Difference]:
    held = {asset: quantity for (wallet_id, asset), (quantity, _) in (await ledger_store.holdings(wallet.org_id)).items() if wallet_id == wallet.id}
    assets = await chain_service.assets_with(network, set(held))
    raws = await agreed_balances(network, chain, wallet.address, assets, Position(moment.block_number, moment.block_hash))
    organization = await organizations.get(wallet.org_id)
    assert organization is not None, f"wallet {wallet.id} of an organisation that does not exist"
    found = []
    for asset, raw in zip(assets, raws, strict=True):
        on_chain = to_units(raw, asset.decimals)
        if not is_exact(on_chain):
            continue  # 34 digits do not hold it: kept out of the books
        quantity = add_exactly([on_chain, held.get(asset.name, Decimal(0)).copy_negate()])
        if quantity != 0:
            quote = await prices.rate_at(wallet.org_id, asset.name, organization.functional_currency, moment, feeds, now)
            value = ledger_rules.value_of(quantity.copy_abs(), quote.rate) if quote else None
            found.append(Difference(asset.name, quantity, value))
    return found
