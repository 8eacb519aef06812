"""Transactions that payments of ours made, and that were booked before it was known: a person's own wallet sent them, or they were found after a
restore. They are judged again as what they are.

Most are known from the start: the bytes of a payment are stored, with their hash, before they are sent, so that booking finds the payment. Looked
for whenever a payment that stands in a block is looked at, which is until no reorganisation can reach it.
"""

from collections.abc import Sequence
from contextlib import suppress

from crypto_api.classification.types import DecisionSource
from crypto_api.flows.classify_transaction import Overtaken, reclassify
from crypto_api.flows.decide_transaction import decide
from crypto_api.kit.clock import Clock
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations import store as organizations
from crypto_api.payments import store as payments
from crypto_api.payments.types import Ref
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking
from mongodb_config.unit_of_work import Session, UnitOfWork


async def link_payments(uow: UnitOfWork, clock: Clock, network: NetworkConfig, refs: Sequence[Ref]) -> int:
    """How many transactions were linked with their payments."""
    linked = 0
    for org_id in dict.fromkeys(org_id for org_id, _ in refs):
        hashes = await payments.hashes_in_blocks(org_id, [payment_id for of, payment_id in refs if of == org_id])
        ids = [transactions.transaction_id(org_id, network.chain_id, hash_) for hash_ in hashes]
        for row in await transactions.by_ids(org_id, ids) if ids else []:
            if row.payment_id is None and not row.orphaned and row.booking is not Booking.DUE:  # what is due is booked with its payment
                linked += await _link(uow, clock, network, row)
    return linked


async def _link(uow: UnitOfWork, clock: Clock, network: NetworkConfig, row: Transaction) -> bool:
    """False when somebody changed the row meanwhile: it is looked at again."""
    decision, organization = await decide(row, network), await organizations.get(row.org_id)
    assert organization is not None, "its payment acts in it"

    async def work(session: Session) -> None:
        if row.category_source == DecisionSource.PERSON:
            if not await transactions.annotate(session, row.org_id, row.id, row.version, {"payment_id": decision.payment_id}):
                raise Overtaken
        else:
            await reclassify(session, row, decision, organization.time_zone, clock.now())

    with suppress(Overtaken):
        await uow.run(work)
        return True
    return False
