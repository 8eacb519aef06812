"""What the deploy step does for this product: a fit server, then collections, validators, indexes and the numbered migrations below."""

from crypto_api.documents import DOCUMENTS
from crypto_api.employees import store as employees
from crypto_api.flows.learn_earlier_words import learn_earlier_words
from crypto_api.kit.clock import SystemClock, source
from crypto_api.ledger import seal_store as seals
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import AccountBalance
from crypto_api.ledger.types import DEFAULT_CHART, AccountCode
from crypto_api.lots import store as lots
from crypto_api.payments import store as payments
from crypto_api.saved_views import store as saved_views
from crypto_api.transactions.documents import OF_LISTS, Transaction
from mongodb_config.client import Database, connect
from mongodb_config.migrations import Checkpoint, DeployReport, Migration, deploy, drop_indexes
from mongodb_config.probe import probe
from mongodb_config.server_time import server_time

_CHARTS_AT_ONCE = 200
_LANES_AT_ONCE = 200
_FOLDED_AT_ONCE = 500


async def _cash_at_bank(database: Database, checkpoint: Checkpoint) -> None:
    """Charts from before there was an account for money."""
    cash, now = next(row for row in DEFAULT_CHART if row.code == AccountCode.CASH), SystemClock().now()
    while org_ids := await ledger.organizations_with_a_chart(database, checkpoint.at, _CHARTS_AT_ONCE):
        for org_id in org_ids:
            await ledger.add_to_chart(database, org_id, cash, now)
        await checkpoint.reached(org_ids[-1])


async def _accounts_of_invoices(database: Database, checkpoint: Checkpoint) -> None:
    """Charts from before there were invoices: taxes on sales, and what a rate gained or lost until an invoice was paid."""
    wanted = {AccountCode.TAXES, AccountCode.EXCHANGE_GAINS, AccountCode.EXCHANGE_LOSSES}
    rows, now = [row for row in DEFAULT_CHART if row.code in wanted], SystemClock().now()
    while org_ids := await ledger.organizations_with_a_chart(database, checkpoint.at, _CHARTS_AT_ONCE):
        for org_id in org_ids:
            for row in rows:
                await ledger.add_to_chart(database, org_id, row, now)
        await checkpoint.reached(org_ids[-1])


async def _accounts_of_payroll(database: Database, checkpoint: Checkpoint) -> None:
    """Charts from before there were payslips: what is owed to employees, and what was kept back of it."""
    wanted = {AccountCode.PAYROLL_PAYABLE, AccountCode.PAYROLL_TAXES}
    rows, now = [row for row in DEFAULT_CHART if row.code in wanted], SystemClock().now()
    while org_ids := await ledger.organizations_with_a_chart(database, checkpoint.at, _CHARTS_AT_ONCE):
        for org_id in org_ids:
            for row in rows:
                await ledger.add_to_chart(database, org_id, row, now)
        await checkpoint.reached(org_ids[-1])


async def _client_payments(database: Database, checkpoint: Checkpoint) -> None:
    """Charts from before clients could pay in crypto: what came and belongs to no invoice yet."""
    unapplied, now = next(row for row in DEFAULT_CHART if row.code == AccountCode.UNAPPLIED), SystemClock().now()
    while org_ids := await ledger.organizations_with_a_chart(database, checkpoint.at, _CHARTS_AT_ONCE):
        for org_id in org_ids:
            await ledger.add_to_chart(database, org_id, unapplied, now)
        await checkpoint.reached(org_ids[-1])


async def _entries_wait_for_seals(database: Database, checkpoint: Checkpoint) -> None:
    """Entries that were posted before there were seals: the lane seals them as it does any other."""
    await seals.mark_unsealed(database)


async def _unsigned_nonces(database: Database, checkpoint: Checkpoint) -> None:
    """Lanes from before several nonces of a sender were given out at once: a payment that has its nonce and no signature would wait for ever."""
    while lanes := await payments.lanes_that_do_not_say(database, checkpoint.at, _LANES_AT_ONCE):
        for lane in lanes:
            await payments.note_unsigned(database, lane)
        await checkpoint.reached(lanes[-1])


async def _lots_from_the_beginning(database: Database, checkpoint: Checkpoint) -> None:
    """How far books were compared with their lots was told by an entry's id, which a draft has long before it is posted: those were passed over."""
    await lots.forget_states(database)


async def _no_balances_by_wallet(database: Database, checkpoint: Checkpoint) -> None:
    """An index that no query used, and every posting paid for."""
    await drop_indexes(database[AccountBalance.Settings.name], "org_wallet")


async def _lots_are_kept(database: Database, checkpoint: Checkpoint) -> None:
    """Books from before lots were kept as they stand, for bookings to go on from: they are made when everything is compared once more."""
    await lots.forget_states(database)


async def _account_of_exchanges(database: Database, checkpoint: Checkpoint) -> None:
    """Charts from before a swap was one thing with two legs."""
    exchanges, now = next(row for row in DEFAULT_CHART if row.code == AccountCode.EXCHANGES), SystemClock().now()
    while org_ids := await ledger.organizations_with_a_chart(database, checkpoint.at, _CHARTS_AT_ONCE):
        for org_id in org_ids:
            await ledger.add_to_chart(database, org_id, exchanges, now)
        await checkpoint.reached(org_ids[-1])


async def _earlier_words(database: Database, checkpoint: Checkpoint) -> None:
    """What people said of transactions before it was remembered: it teaches too."""
    while (last := await learn_earlier_words(database, checkpoint.at)) is not None:
        await checkpoint.reached(last)


async def _views_of_lists(database: Database, checkpoint: Checkpoint) -> None:
    """Saved views from before there were any but of the transactions."""
    await saved_views.name_their_list(database)


async def _held_days(database: Database, checkpoint: Checkpoint) -> None:
    """Sums of what is held by day and asset, of books that were sealed before these were kept."""
    while (last := await seals.add_held_days(database, checkpoint.at)) is not None:
        await checkpoint.reached(last)


async def _found_by_name(database: Database, checkpoint: Checkpoint) -> None:
    """Employees from before they were found by their first name, and payments from before they were found by what they say."""
    for name, fold in (("employees", employees.fold_first_names), ("payments", payments.fold_descriptions)):
        at = checkpoint.at.removeprefix(f"{name} ") if checkpoint.at is not None and checkpoint.at.startswith(f"{name} ") else None
        if name == "employees" and checkpoint.at is not None and at is None:
            continue  # it had come to the payments
        while (last := await fold(database, at, _FOLDED_AT_ONCE)) is not None:
            at = last
            await checkpoint.reached(f"{name} {last}")


async def _lists_in_their_order(database: Database, checkpoint: Checkpoint) -> None:
    """Two indexes of transactions that lacked the id, by which lists are ordered in the end. Those that take their place come first."""
    transactions = database[Transaction.Settings.name]
    await transactions.create_indexes(list(OF_LISTS))
    await drop_indexes(transactions, "org_category", "org_wallet")


MIGRATIONS: list[Migration] = [
    Migration(1, "cash at bank", _cash_at_bank),
    Migration(2, "entries wait for their seals", _entries_wait_for_seals),
    Migration(3, "unsigned nonces", _unsigned_nonces),
    Migration(4, "books are compared with their lots from the beginning", _lots_from_the_beginning),
    Migration(5, "no index of balances by wallet", _no_balances_by_wallet),
    Migration(6, "accounts of invoices", _accounts_of_invoices),
    Migration(7, "accounts of payroll", _accounts_of_payroll),
    Migration(8, "lots are kept as they stand", _lots_are_kept),
    Migration(9, "client payments not yet applied", _client_payments),
    Migration(10, "account of exchanges", _account_of_exchanges),
    Migration(11, "what people said before it was remembered", _earlier_words),
    Migration(12, "saved views name their list", _views_of_lists),
    Migration(13, "sums of each asset by day", _held_days),
    Migration(14, "people and payments are found by their words", _found_by_name),
    Migration(15, "transactions of a wallet and of a category in the order of their list", _lists_in_their_order),
]
"""In order, numbered from 1. A released one is never changed or removed: databases remember how far they are."""

RELEASE_BEFORE = 13
"""How many of them the release before knows: its processes may run, and be started, beside this one's. Raised with each release, never further."""


async def prepare_database(mongodb_uri: str, database_name: str, *, verify: bool = False, again: bool = False) -> DeployReport:
    """Once, before processes start; `again` once more, when those of the release before have ended. UnfitServer or DeployFailed when it cannot be;
    both carry the EXIT_CODE to end with."""
    client = connect(mongodb_uri)
    try:
        await probe(client, database_name)
        async with server_time.followed(client):
            source.unix_s = server_time.unix_s  # what a migration writes of the time is the installation's too
            return await deploy(client, database_name, DOCUMENTS, migrations=MIGRATIONS, release_before=RELEASE_BEFORE, verify=verify, again=again)
    finally:
        await client.close()
