"""The opening entry of a wallet is made anew, with other quantities and at another block: its history was read, so that less of it is opening."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from crypto_api.flows.book_transaction import draw_up
from crypto_api.kit.amounts import add_exactly
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, Acquisition, Change, Disposal, EntryDraft, Place, Source, SourceKind
from crypto_api.wallets.documents import Wallet
from mongodb_config.unit_of_work import Session


@dataclass(frozen=True)
class Opened:
    """Where the opening stands now: a day, a block, and what the assets were worth there."""

    day: date
    height: int
    rates: Mapping[str, Decimal]


async def remake_opening(session: Session, wallet: Wallet, change: Mapping[str, Decimal], at: Opened, now: datetime) -> None:
    """What stands is taken back, and posted again with its quantities changed by `change`. Nothing is posted where nothing is left."""
    source_id = f"{wallet.id}@{wallet.opened_at_hash}"
    standing = await ledger.standing_of_source(session, wallet.org_id, SourceKind.OPENING, source_id)
    quantities = _quantities([standing] if standing else [])
    for asset, amount in change.items():
        quantities[asset] = add_exactly([quantities.get(asset, Decimal(0)), amount])
    if standing is not None:
        await ledger.reverse(session, wallet.org_id, standing.id, now, "more of the wallet's history is known")
    changes = [_change(wallet, asset, amount, at.rates.get(asset)) for asset, amount in sorted(quantities.items()) if amount != 0]
    if not changes:
        return
    purpose = await ledger.open_purpose(session, wallet.org_id, SourceKind.OPENING, source_id, "opening")
    posting = await draw_up(session, wallet.org_id, changes)
    draft = EntryDraft(
        date=at.day,
        description=f"Opening balance of {wallet.name}",
        source=Source(kind=SourceKind.OPENING, id=source_id, purpose=purpose),
        reference=f"block {at.height}",
        lines=list(posting.lines),
        unpriced=posting.unpriced,
    )
    await ledger.post(session, wallet.org_id, draft, now)


async def opened_quantities(org_id: str, wallet_id: str) -> dict[str, Decimal]:
    """What all openings of the wallet that stand brought in, by asset: it has one for each time that watching began."""
    return _quantities(await ledger_store.standing_openings(org_id, wallet_id))


def _quantities(entries: list[JournalEntry]) -> dict[str, Decimal]:
    found: dict[str, list[Decimal]] = {}
    for entry in entries:
        for line in entry.lines:
            if line.account_code == AccountCode.CRYPTO and line.asset is not None and line.quantity is not None:
                found.setdefault(line.asset, []).append(line.quantity)
    return {asset: add_exactly(amounts) for asset, amounts in found.items()}


def _change(wallet: Wallet, asset: str, amount: Decimal, rate: Decimal | None) -> Change:
    place, quantity = Place(AccountCode.CRYPTO, wallet.id, asset), amount.copy_abs()
    value = ledger_rules.value_of(quantity, rate) if rate is not None else None
    if amount > 0:
        return Acquisition(place, quantity, value, AccountCode.OPENING, "Held before its known history")
    return Disposal(place, quantity, value, AccountCode.OPENING, "Gone before its known history")
