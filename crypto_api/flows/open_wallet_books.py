"""The opening balance of a wallet: what it held at the block from which it is watched."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.kit.amounts import is_exact
from crypto_api.kit.ethereum import BlockHeader
from crypto_api.ledger import rules as ledger_rules
from crypto_api.ledger import service as ledger
from crypto_api.ledger import store as ledger_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, Acquisition, Change, Disposal, EntryDraft, EntryStatus, Holding, Place, Source, SourceKind
from crypto_api.organizations import store as organizations
from crypto_api.wallets.documents import Wallet
from mongodb_config.unit_of_work import Session

PURPOSE = "opening"


async def open_wallet(
    session: Session, wallet: Wallet, holdings: Sequence[tuple[str, Decimal]], rates: Mapping[str, Decimal | None], block: BlockHeader, now: datetime
) -> JournalEntry | None:
    """Brings the books to what the wallet holds at that block, at the value of that block. The first time it is the opening balance; when
    watching had paused, the difference goes to suspense: something moved unseen. An asset without a rate comes in as a quantity, marked
    unpriced. None when there is nothing to post. Amounts that 34 digits do not hold stay out of the books."""
    organization = await organizations.get(wallet.org_id, session)
    assert organization is not None
    again = await ledger_store.has_opening(wallet.org_id, wallet.id, session)
    wanted = {Place(AccountCode.CRYPTO, wallet.id, asset): quantity for asset, quantity in sorted(holdings) if is_exact(quantity)}
    held = await ledger_store.holdings_in(wallet.org_id, wanted.keys(), session)
    changes = [
        _change(place, ledger_rules.less(quantity, held.get(place, Holding()).quantity), rates.get(place.asset), again)
        for place, quantity in wanted.items()
        if quantity != held.get(place, Holding()).quantity
    ]
    if not changes:
        return None
    posting = ledger_rules.post(changes, held)
    source_id = f"{wallet.id}@{block.hash}"
    purpose = await ledger.open_purpose(session, wallet.org_id, SourceKind.OPENING, source_id, PURPOSE)
    draft = EntryDraft(
        date=datetime.fromtimestamp(block.timestamp, UTC).astimezone(ZoneInfo(organization.time_zone)).date(),
        description=f"Watching resumed: {wallet.name}" if again else f"Opening balance of {wallet.name}",
        reference=f"block {block.number}",
        source=Source(kind=SourceKind.OPENING, id=source_id, purpose=purpose),
        lines=list(posting.lines),
        unpriced=posting.unpriced,
    )
    return await ledger.post(session, wallet.org_id, draft, now)


async def reverse_opening(session: Session, wallet: Wallet, now: datetime) -> None:
    """For a wallet whose opening block is no longer part of the chain."""
    source_id = f"{wallet.id}@{wallet.opened_at_hash}"
    for entry in await ledger_store.entries_of_source(wallet.org_id, SourceKind.OPENING, source_id, session):
        if entry.status is EntryStatus.POSTED:
            await ledger.reverse(session, wallet.org_id, entry.id, now, f"block {wallet.opened_at_height} was reorganised away")


def _change(place: Place, difference: Decimal, rate: Decimal | None, again: bool) -> Change:
    quantity = difference.copy_abs()
    worth = ledger_rules.value_of(quantity, rate) if rate is not None else None
    if difference > 0:
        return Acquisition(place, quantity, worth, AccountCode.SUSPENSE if again else AccountCode.OPENING)
    return Disposal(place, quantity, worth, AccountCode.SUSPENSE)
