"""Queries stand in stores; those of an organisation's rows name the organisation; writes take part in the caller's unit of work."""

import ast
from pathlib import Path

from crypto_api.documents import DOCUMENTS
from tests.architecture.reading import Function, arguments, called_methods, functions, python_files, where

WRITES = {
    "bulk_write", "create", "delete_many", "delete_one", "find_one_and_delete", "find_one_and_replace", "find_one_and_update", "insert",
    "insert_many", "insert_one", "replace_one", "update_many", "update_one",
}  # fmt: skip
QUERIES = (WRITES - {"create", "insert"}) | {"aggregate", "count_documents", "find_one", "get_pymongo_collection"}

# Reads of organisations' rows that do not name one. Each runs for the installation, never for a person.
READS_ACROSS = {
    "audit.queued": "the sealing lane seals what is due, whoever's it is",
    "audit.sealed_organizations": "which chains there are, for the operator's verification",
    "backfills.begun_on_network": "blocks are read again for whoever had wallets in them",
    "backfills.live_on_network": "the lane that reads histories takes up whoever's there are",
    "events.all_heads": "the sweep of the inboxes asks where anything happened since it looked",
    "contracts.unfinished_before": "the sweep runs what a lost job left",
    "events.heads": "the hub polls the heads of the organisations whose consoles are open here",
    "prices.orgs_with_gaps": "the lane asks again for what was asked for in vain, whoever's it is",
    "events.oldest_pending": "the health check asks whether the relay works",
    "events.pending": "the relay numbers what is due, whoever's it is",
    "recurring_invoices.due": "the lane writes the invoices that are due, whoever's they are",
    "deliveries.due": "the lane sends the letters that are due, whoever's they are",
    "invoices.organizations_that_remind": "the lane asks which organisations remind their clients at all",
    "invoices.fell_due": "the lane looks for what is overdue, whoever's it is",
    "ledger.organizations_with_a_chart": "the deploy step adds an account to the chart of each",
    "ledger.add_held_days": "the deploy step makes the sums of each",
    "ledger.unsealed": "the sealing lane seals what is due, whoever's it is",
    "organizations.count_of_members": "how many members each organisation has, for the operator of the installation",
    "organizations.custom_roles_among": "open consoles check again what their people may see",
    "organizations.invitation_by_token": "whoever shows the token from the mail does not know the organisation yet",
    "organizations.invitation_for": "the invited person answers by the id that they were listed, and by their own address",
    "organizations.invitations_without_mail": "the sweep sends the mails that a lost job left",
    "organizations.open_invitations_for": "which organisations have invited this address?",
    "payroll.payslip_by_token": "whoever holds a payslip asks whether it is genuine, and is of no organisation",
    "payroll.statement_keys_behind": "keys of all are sealed anew after SECRET_KEY was changed",
    "payroll.statement_key_at": "whoever holds a statement asks whose key signed it",
    "recurring.due": "the lane looks for what has its day, whoever's it is",
    "payroll.steps_due": "the lane carries on with payrolls, whoever's they are",
    "payments.due_of_network": "the sweep looks at what a sender's payments wait for; an address on a chain is one, whoever holds a key to it",
    "payments.next_due_of_network": "the sweep sleeps until then",
    "payments.on_their_way_of_network": "what an address may still have to pay, whoever holds a key to it",
    "payments.senders_due_of_network": "the sweep of payments",
    "receivables.request_by_token": "whoever has the link to pay does not know the organisation",
    "receivables.waiting": "the lane matches what came, whoever's it is",
    "receivables.refunding": "the lane looks what became of refunds, whoever's they are",
    "reports.parts.parts_of": "the parts of the installation belong to nobody",
    "reports.people.belongings": "the organisations between which a person can switch",
    "reports.people.names_of": "people are shared; whoever asks has their ids out of rows of one organisation",
    "organizations.memberships_of": "at log-in: which organisations is this person in?",
    "organizations.memberships_of_people": "open consoles check again what their people may see",
    "wallets.with_key_on_network": "after a restore every wallet that the signer can send from is stopped",
    "payments.count_under_way_of_network": "figures of the installation",
    "tasks.count_open_dead_letters": "the same",
    "inbox.count_open_by_kind": "the same",
    "webhooks.count_failing_and_suspended": "the same",
    "reports.measures.measure": "the same: numbers, and nothing of anybody",
    "tasks.failed_since_by_kind": "how many failed, for the operator of the installation",
    "notifications.cursors": "the lane reads the logs of all",
    "notifications.letters_due": "the lane of letters, whoever's they are",
    "webhooks.active": "the lane tells what happened, whoever's webhook it is",
    "contract_audits.due": "workers run what was ordered, whoever ordered it",
    "long_reports.due": "workers make what was ordered, whoever ordered it",
    "long_reports.expired": "the sweep deletes what was kept for long enough",
    "tasks.due_of_kind": "the lane that works off what was asked for, whoever asked",
    "tasks.queued": "workers look for what waits, whoever asked for it",
    "tasks.stopped_schedules": "workers pass over whoever stopped a schedule",
    "tasks.running_since_before": "the sweeper ends tasks whose worker died",
    "transactions.in_block": "a reorganisation takes a block from everybody who had something in it",
    "transactions.said_by_people": "the deploy step learns what people said before it was remembered",
    "transactions.stored_of_network": "the follower finds rows of all organisations by their natural keys, which hold the organisation",
    "transactions.standing_of_network": "which deep blocks were processed is the same for all; nothing of a row but its block is read",
    "transactions.between_of_network": "blocks are read again and compared with what is stored of them, whoever's it is",
    "transactions.due_for_booking_of_network": "the follower books what its network stored",
    "transactions.undecided_of_network": "the sweep asks the model about what a lost nudge left",
    "transactions.unconfirmed_of_network": "the follower confirms by depth",
    "transactions.waiting_of_network": "the follower asks the network's other providers about large credits, whoever's they are",
    "wallets.changed_on_network": "blocks are read again for whoever had wallets in them",
    "wallets.due_for_opening_on_network": "the follower opens the books of new wallets",
    "wallets.watched_on_network": "the follower refreshes its watch list",
    "wallets.some_on_network": "the follower compares wallets that moved with the chain, whoever's they are",
    "wallets.opened_at_on_network": "a reorganisation takes back openings at a block",
}

# Writes outside a unit of work: one document each, safe to repeat, with nothing that must become true together with it.
WRITES_ALONE = {
    "tasks.heard": "a sign of life is true whatever becomes of the work",
    "chains.forget_blocks_below": "old headers, deleted by height",
    "chains.pin_token": "a fact of a contract, read once",
    "chains.put_providers": "what the follower shows of the providers that it asks",
    "chains.set_confirmed": "a mark that only grows",
    "chains.set_tags": "what the network says of itself",
    "chains.set_state": "what the follower shows of itself",
    "chains.start": "the first cursor; the second of two finds it there",
    "idempotency.finish": "the answer kept for a repeat; the request's own work is committed by then",
    "idempotency.insert": "claims the key before the work begins: the unique key decides between two",
    "idempotency.release": "gives the key back after a failure",
    "idempotency.take_over": "claims what a dead process left",
    "ledger.add_to_chart": "the deploy step: one account under its natural key, only where there is none",
    "classification.remember_earlier": "the deploy step: one word under its transaction's id, only where there is none",
    "saved_views.name_their_list": "the deploy step: views from before there were those of other lists",
    "lots.forget_states": "the migration of how far books were compared, which was told wrongly",
    "ledger.mark_unsealed": "the migration of entries that were posted before there were seals",
    "ledger.add_held_days": "the migration of books that were sealed before these sums were kept",
    "employees.fold_first_names": "the deploy step: a name that changed meanwhile was folded by whoever changed it",
    "payments.fold_descriptions": "the deploy step: nobody changes a description",
    "payments.note_unsigned": "the deploy step: a sender is one on its chain, whoever's its payments are; a lane that moved meanwhile is read again",
    "prices.keep_oracle": "what a feed answered at a block, under its natural key",
    "prices.keep_points": "what a provider said, under its natural key",
    "prices.forget_gap": "that a price is no longer missing; the books said so in their own unit of work",
    "prices.note_gap": "that a price was asked for in vain, which stands even where what asked is rolled back",
}

SHARED = {document.__name__ for document in DOCUMENTS if not document.TENANT}


def public_coroutines(tree: ast.Module) -> list[Function]:
    return [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_")]


def unscoped_reads(slice_name: str, source: str) -> set[str]:
    """Public coroutines of a store that read rows of organisations without taking org_id first (behind a session where they are part of a
    unit of work) and using it. Writes name the row, or the document, that was read."""
    found = set()
    for function in public_coroutines(ast.parse(source)):
        names = [argument.arg for argument in arguments(function) if argument.arg != "session"]
        scoped = names[:1] == ["org_id"] and any(isinstance(node, ast.Name) and node.id == "org_id" for node in ast.walk(function))
        if not scoped and not _writes_in_a_unit_of_work(function) and not _concerns_shared_rows(function):
            found.add(f"{slice_name}.{function.name}")
    return found


def _writes_in_a_unit_of_work(function: Function) -> bool:
    writes = any(name in WRITES and not _is_of_a_list(name, call) for name, call in called_methods(function))
    return writes and arguments(function)[0].arg == "session"


def _concerns_shared_rows(function: Function) -> bool:
    named = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)} & {document.__name__ for document in DOCUMENTS}
    return bool(named) and named <= SHARED


def writes_without_session(slice_name: str, source: str) -> set[str]:
    found = set()
    for function in functions(ast.parse(source)):
        for name, call in called_methods(function):
            if name in WRITES and not _is_of_a_list(name, call) and not any(keyword.arg in ("session", None) for keyword in call.keywords):
                found.add(f"{slice_name}.{function.name}")
    return found


def _is_of_a_list(name: str, call: ast.Call) -> bool:
    return name == "insert" and len(call.args) == 2


def saves(path: Path, source: str) -> list[str]:
    return [f"{where(path)}:{call.lineno}" for name, call in called_methods(ast.parse(source)) if name in ("save", "save_changes")]


def queries(path: Path, source: str) -> list[str]:
    return [f"{where(path)}:{call.lineno} {name}" for name, call in called_methods(ast.parse(source)) if name in QUERIES]


def stores() -> list[tuple[str, str]]:
    return [(path.parent.name, path.read_text()) for path in python_files("crypto_api") if path.name.endswith("store.py")]


def test_reads_of_an_organisations_rows_name_it_first() -> None:
    readers = [(f"reports.{path.stem}", path.read_text()) for path in python_files("crypto_api/reports")]
    found = {name for slice_name, source in [*stores(), *readers] for name in unscoped_reads(slice_name, source)}
    assert found - READS_ACROSS.keys() - WRITES_ALONE.keys() == set()
    assert READS_ACROSS.keys() - found == set(), "no longer needed on the list"


def test_writes_are_part_of_a_unit_of_work() -> None:
    found = {name for slice_name, source in stores() for name in writes_without_session(slice_name, source)}
    assert found - WRITES_ALONE.keys() == set()
    assert WRITES_ALONE.keys() - found == set(), "no longer needed on the list"


def test_rows_are_changed_by_compare_and_set_and_never_saved() -> None:
    paths = [path for path in python_files("crypto_api", "workers", "mongodb_config") if path.name != "image_child.py"]  # it saves a picture
    assert [place for path in paths for place in saves(path, path.read_text())] == []


def test_queries_stand_in_stores_and_reports() -> None:
    others = [path for path in python_files("crypto_api", "workers") if not path.name.endswith("store.py") and path.parent.name != "reports"]
    assert [place for path in others for place in queries(path, path.read_text())] == []


def test_the_checks_find_bad_stores() -> None:
    source = """
async def in_passing(session, wallet_id): return await Wallet.get(wallet_id, session=session)
async def pretends(org_id): return await Wallet.find({}).to_list()
async def everything(): return await Wallet.find({}).to_list()
async def mine(org_id): return await Wallet.find({"org_id": org_id}).to_list()
async def insert(session, wallet): await wallet.insert(session=session)
async def forgets(session, wallet): await wallet.insert()
async def also_forgets(session): await Wallet.get_pymongo_collection().update_one({}, {})
async def sorts(session, rows): rows.insert(0, None)
async def writes_back(session, wallet): await wallet.save(session=session)
"""
    assert unscoped_reads("wallets", source) == {
        "wallets.everything",
        "wallets.in_passing",
        "wallets.pretends",
        "wallets.sorts",
        "wallets.writes_back",
    }
    assert writes_without_session("wallets", source) == {"wallets.forgets", "wallets.also_forgets"}
    assert saves(Path("store.py"), source) == ["store.py:10"]
    assert queries(Path("service.py"), source) == ["service.py:8 update_one", "service.py:8 get_pymongo_collection"]
