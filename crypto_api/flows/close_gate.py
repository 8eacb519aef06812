"""What a period is closed upon. Each check reads, changes nothing, and says in one sentence what it found."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crypto_api.backfills import store as backfills
from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import ChainCursor, FollowState
from crypto_api.checkpoints import store as checkpoints
from crypto_api.flows.inbox_findings import difference_key, is_compared
from crypto_api.flows.settle_lots import is_settled
from crypto_api.flows.verify_ledger import verify_ledger
from crypto_api.inbox import store as inbox
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.types import OPEN_STATES, ItemKind, ItemState
from crypto_api.kit.networks import NetworkConfig
from crypto_api.ledger import day_store, period_store, rules
from crypto_api.ledger import store as ledger
from crypto_api.ledger.types import GateCheck, PeriodStatus
from crypto_api.lots import service as lot_policies
from crypto_api.organizations.documents import Organization
from crypto_api.transactions import store as transactions
from crypto_api.transactions.types import Booking, Finality
from crypto_api.wallets import store as wallet_store
from crypto_api.wallets.documents import Opening, Wallet
from mongodb_config.unit_of_work import Session, UnitOfWork

Networks = Mapping[str, NetworkConfig]
NAMED_MAX = 3
TITLES: Mapping[str, str] = {
    "over": "The month is over",
    "earlier_periods": "Earlier months",
    "coverage": "Blocks",
    "transactions": "Transactions",
    "checkpoints": "Books and chain",
    "unpriced": "Prices",
    "unclassified": "Categories",
    "inbox": "Open issues",
    "drafts": "Drafts",
    "seals": "Seals",
    "lots": "Lots",
    "verification": "Recomputation",
}
OF_A_TRANSACTION = frozenset({ItemKind.MISSING_PRICE, ItemKind.MISSING_COST, ItemKind.UNCLASSIFIED, ItemKind.AMBIGUOUS})


async def checks_of(uow: UnitOfWork, networks: Networks, organization: Organization, period: str, today: date) -> list[GateCheck]:
    """In the order in which somebody would work through them."""
    org_id, (first, last) = organization.id, rules.days_of(period)
    ends = datetime.combine(last + timedelta(days=1), time(), ZoneInfo(organization.time_zone)).astimezone(UTC)
    wallets = [wallet for wallet in await wallet_store.active(org_id) if wallet.monitoring_enabled]
    items = [item for item in (await inbox.live(org_id, list(ItemKind))).values() if await _concerns(org_id, item, ends)]
    waived = {item.key for item in items if item.state is ItemState.WAIVED}
    return [
        _over(last, today),
        await _earlier(org_id, first),
        await _coverage(org_id, networks, wallets, ends),
        await _booked(org_id, ends),
        await _checkpoints(org_id, wallets, waived, ends),
        await _unpriced(org_id, last, waived),
        await _unclassified(org_id, ends, waived),
        _items(items),
        await _drafts(org_id, last),
        await _sealed(org_id, last),
        await lots_settled(organization),
        await _verified(uow, org_id),
    ]


def _check(name: str, wrong: Sequence[str], said: str, good: str, link: str = "") -> GateCheck:
    """`said` stands before what is wrong, of which some are named."""
    if not wrong:
        return GateCheck(name=name, passed=True, detail=good)
    more = f" and {len(wrong) - NAMED_MAX} more" if len(wrong) > NAMED_MAX else ""
    return GateCheck(name=name, passed=False, detail=f"{said}: {'; '.join(wrong[:NAMED_MAX])}{more}.", link=link)


def _over(last: date, today: date) -> GateCheck:
    if today > last:
        return GateCheck(name="over", passed=True, detail=f"The period ended on {last}.")
    return GateCheck(name="over", passed=False, detail=f"The period is not over: it ends on {last}.")


async def _earlier(org_id: str, first: date) -> GateCheck:
    """Months before it that have entries and are open."""
    begins = await day_store.first_day(org_id)
    closed = {row.period for row in await period_store.periods(org_id) if row.status is PeriodStatus.CLOSED}
    day, wrong = first - timedelta(days=1), []
    while begins is not None and day >= begins.replace(day=1):
        if rules.period_of(day) not in closed:
            wrong.append(rules.period_of(day))
        day = day.replace(day=1) - timedelta(days=1)
    return _check("earlier_periods", wrong[::-1], "Earlier periods are open", "Every period before it is closed.", "/closing/")


async def _coverage(org_id: str, networks: Networks, wallets: Sequence[Wallet], ends: datetime) -> GateCheck:
    """Every block of the period was read and is final, for every network with a watched wallet."""
    cursors, wrong = {row.id: row for row in await chain_store.cursors()}, []
    for slug in sorted({wallet.network for wallet in wallets}):
        wrong += [f"{slug} {reason}" for reason in await _gaps(networks.get(slug), cursors.get(slug), ends)]
    for wallet in wallets:
        if wallet.opening is not Opening.DONE:
            wrong.append(f"the books of {wallet.name} are not opened")
        if await backfills.live_of_wallet(org_id, wallet.id) is not None:
            wrong.append(f"the history of {wallet.name} is still being read")
    return _check("coverage", wrong, "Blocks are missing", "Every block of the period was read and is final, without a gap.", "/networks/")


async def _gaps(network: NetworkConfig | None, cursor: ChainCursor | None, ends: datetime) -> list[str]:
    if network is None or cursor is None:
        return ["is not followed"]
    wrong = ["has stopped"] if cursor.state is FollowState.STOPPED else []
    if cursor.gaps:
        wrong.append(f"has blocks that nobody read ({len(cursor.gaps)} stretches)")
    final = await chain_store.highest_canonical(network.slug, cursor.confirmed)
    if final is None or final.timestamp < ends:
        wrong.append("has no final block after the end of the period")
    return wrong


async def _booked(org_id: str, ends: datetime) -> GateCheck:
    waiting = await transactions.count(org_id, {"booking": Booking.DUE, "timestamp": {"$lt": ends}})
    pending = await transactions.count(org_id, {"finality": Finality.PENDING, "timestamp": {"$lt": ends}})
    wrong = [f"{waiting} wait to be booked"] * bool(waiting) + [f"{pending} are not final"] * bool(pending)
    return _check("transactions", wrong, "Transactions of the period are on their way", "Every transaction of the period is final and booked.")


async def _checkpoints(org_id: str, wallets: Sequence[Wallet], waived: set[str], ends: datetime) -> GateCheck:
    """For each wallet and asset that the books hold, a comparison at a final block after the end of the period that found nothing, or a difference
    that somebody waived by name."""
    final = {row.id: row.confirmed for row in await chain_store.cursors()}
    compared = {(row.wallet_id, row.asset): row for row in await checkpoints.of_org(org_id)}
    held = {key for key, (quantity, _) in (await ledger.holdings(org_id)).items() if quantity}
    wrong, count = [], 0
    for wallet in filter(is_compared, wallets):
        for asset in sorted({asset for owner, asset in held | compared.keys() if owner == wallet.id}):
            row, count = compared.get((wallet.id, asset)), count + 1
            if row is None or row.at < ends:
                wrong.append(f"{asset} of {wallet.name} was not compared since the period ended")
            elif row.block_number > final.get(wallet.network, 0):
                wrong.append(f"{asset} of {wallet.name} was compared at block {row.block_number}, which is not final yet")
            elif not row.agrees and difference_key(wallet.id, asset) not in waived:
                wrong.append(f"{asset} of {wallet.name} differs from the chain")
    good = (
        f"The books hold what the chain does: {count} wallets and assets, each at a final block." if count else "No wallet is compared with a chain."
    )
    return _check("checkpoints", wrong, "Books and chain are not known to agree", good, "/inbox/")


async def _unpriced(org_id: str, last: date, waived: set[str]) -> GateCheck:
    rows = [row for row in await ledger.unpriced(org_id) if row.date <= last and f"value:{row.transaction_id or row.source_id}" not in waived]
    wrong = [f"{row.description} on {row.date}" for row in rows]
    return _check("unpriced", wrong, "Entries have no price or no cost", "Every entry has its price, or was waived by name.", "/inbox/")


async def _unclassified(org_id: str, ends: datetime, waived: set[str]) -> GateCheck:
    """Movements that stand in suspense because nobody knows what they were."""
    rows = [row for row in await transactions.in_suspense(org_id) if row.timestamp < ends and f"meaning:{row.id}" not in waived]
    wrong = [f"{row.hash or row.id} on {row.network}" for row in rows]
    return _check("unclassified", wrong, "Movements are not understood", "Every movement is understood, or was waived by name.", "/inbox/")


async def _concerns(org_id: str, item: InboxItem, ends: datetime) -> bool:
    """What is about a transaction after the period does not."""
    if item.kind not in OF_A_TRANSACTION or item.subject_kind != "transaction":
        return True
    row = await transactions.get(org_id, item.subject_id)
    return row is None or row.timestamp < ends


def _items(items: Sequence[InboxItem]) -> GateCheck:
    wrong = [item.title for item in items if item.state in OPEN_STATES]
    waived = sum(item.state is ItemState.WAIVED for item in items)
    good = f"Every issue is resolved or waived by name ({waived} waived)." if waived else "No issue is open."
    return _check("inbox", wrong, "Issues are open", good, "/inbox/")


async def _drafts(org_id: str, last: date) -> GateCheck:
    wrong = [row.description for row in await period_store.drafts_up_to(org_id, last)]
    return _check("drafts", wrong, "Drafts wait", "No draft waits.", "/journal/?status=draft")


async def _sealed(org_id: str, last: date) -> GateCheck:
    waiting = await period_store.unsealed_up_to(org_id, last)
    wrong = [f"{waiting} were posted a moment ago"] if waiting else []
    return _check("seals", wrong, "Entries have no seal yet", "Every entry of the period is sealed.")


async def lots_settled(organization: Organization, session: Session | None = None) -> GateCheck:
    """Whatever moves assets has been compared with the lots by the method in force, so that gains and costs of the period are final. Asked again in
    the unit of work that closes: what was posted and sealed since the gate may not have been compared."""
    policy = await lot_policies.current(organization.id, organization.created_at, session)
    wrong = [] if await is_settled(organization, policy, session) else ["wait a few seconds; should it stay so, look whether the worker runs"]
    return _check("lots", wrong, "Disposals are being compared with the lots", "Every disposal costs what its lots did.", "/tax/")


async def _verified(uow: UnitOfWork, org_id: str) -> GateCheck:
    """Entries, balances, seals and sums recomputed. The chain is compared by the checkpoints."""
    report = await verify_ledger(uow, org_id, {}, {})
    if report.first_failure is None:
        return GateCheck(name="verification", passed=True, detail=f"{report.checked['entries']} entries recomputed: balances, seals and sums agree.")
    failure = report.first_failure
    return GateCheck(name="verification", passed=False, detail=f"The books do not agree: {failure.check} {failure.subject}: {failure.detail}")
