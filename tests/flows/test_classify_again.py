"""What nobody decided, judged again: by rules that know more by now, else by the model."""

from crypto_api.classification.jobs import ClassifyTransaction
from crypto_api.classification.types import CounterpartyKind
from crypto_api.flows.classify_again import classify_again
from crypto_api.kit.jobs import Job
from crypto_api.ledger.documents import JournalEntry
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Direction
from tests.flows.test_book_transaction import NETWORK, Office, office

__all__ = ["office"]  # a fixture


class Asked:
    def __init__(self) -> None:
        self.jobs: list[Job] = []

    async def put(self, job: Job, *, in_s: float = 0) -> bool:
        self.jobs.append(job)
        return True


async def test_what_nobody_decided_follows_who_is_known_by_now(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "5"))
    (row, _), runtime, queue = await office.booked(office.moved(Direction.OUT, "2")), office.runtime, Asked()

    async def again(*, has_model: bool) -> list[str]:
        networks = {NETWORK.slug: NETWORK}
        found = await classify_again(runtime.uow, office.clock, networks, queue, office.org_id, [row.id], has_model=has_model)
        return [f"{one.outcome} {one.category}" for one in found]

    assert await again(has_model=False) == ["unchanged unclassified"]
    assert await again(has_model=True) == ["queued unclassified"]
    await office.know("stranger", CounterpartyKind.EMPLOYEE)
    assert await again(has_model=True) == ["classified payroll"]
    assert await again(has_model=True) == ["unchanged payroll"]
    assert queue.jobs == [ClassifyTransaction(org_id=office.org_id, transaction_id=row.id)]
    after = await Transaction.get(row.id)
    assert after is not None and (after.category, after.category_source, after.counterparty) == ("payroll", "rule", "stranger")
    standing = await JournalEntry.find({"transaction_id": row.id, "status": "posted", "reverses": None}).to_list()
    assert [[line.account_code for line in entry.lines if line.wallet_id is None and line.quantity] for entry in standing] == [["5200"]]
