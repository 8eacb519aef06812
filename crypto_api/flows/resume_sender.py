"""A wallet that was stopped, because the chain has transactions of it that are not ours, may send again after a person has looked.

Before that, what the chain has is matched with what is known: a payment whose transaction stands there under a hash that was forgotten (a restored
database) goes on from there; a payment whose nonce was used by something else can never be mined any more and ends as REPLACED.
"""

from dataclasses import dataclass, field

from crypto_api.flows.followed_chain import FollowedChain
from crypto_api.flows.members import require_standing
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.kit.errors import NotFound
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from crypto_api.payments import service as payments
from crypto_api.payments import store
from crypto_api.payments.documents import NonceSlot, Payment, SenderLane
from crypto_api.payments.errors import NotFinalYet, NotFrozen
from crypto_api.payments.events import Happened
from crypto_api.payments.jobs import PaymentDue
from crypto_api.payments.types import Expected, PaymentChain, Receipt, SeenTransaction
from mongodb_config.unit_of_work import Session

NONCES_MAX = 200
"""More than this at once is no accident that a person could look through."""


@dataclass
class _Found:
    """What the chain has of the sender, and whose it is."""

    chain_nonce: int
    lost: dict[str, SeenTransaction] = field(default_factory=dict)  # by payment: what has its nonce instead
    unknown: list[SeenTransaction] = field(default_factory=list)  # in nonces that were never given out


async def resume_sender(desk: PaymentDesk, principal: Principal, org_id: str, payment_id: str) -> Payment:
    """NotFound, NotFrozen, NotFinalYet, ChainUnavailable."""
    payment = await store.get(org_id, payment_id)
    if payment is None:
        raise NotFound
    lane = await store.lane(payment.chain_id, payment.from_address)
    if lane is None or lane.frozen_reason is None or payment.network not in desk.networks:
        raise NotFrozen
    chain = FollowedChain(payment.network, desk.nodes[payment.network])
    found = await _look(desk, chain, payment, lane)
    await _require_final(desk, chain, payment, found)
    now = desk.clock.now()

    async def work(session: Session) -> None:
        await require_standing(session, principal, org_id)
        if not await store.set_lane(session, lane, {"frozen_reason": None, "known_nonce": max(found.chain_nonce, lane.known_nonce or 0)}):
            raise NotFrozen  # somebody else was first
        matched = await _match(session, payment, found, desk)
        for lost_id, seen in found.lost.items():
            await payments.end_replaced(session, payment.chain_id, payment.from_address, lost_id, seen, now)
        await store.make_due_of_network(session, payment.network, payment.from_address, now)
        after = await store.get(org_id, payment_id, session) or payment
        await payments.tell(session, after, Happened.SENDER_RESUMED, now)
        foreign = [seen.hash for seen in [*found.lost.values(), *found.unknown] if seen.hash not in matched]
        summary = f"Let {payment.from_address} send again, after looking at what the chain has of it."
        await payments.record(session, after, "sender_resumed", summary, now, foreign=foreign, matched=sorted(matched))

    await desk.uow.run(work)
    security.info("sender_resumed", user_id=principal.user_id, org_id=org_id, payment_id=payment_id, address=payment.from_address)
    await desk.jobs.put(PaymentDue(org_id=org_id, payment_id=payment_id))
    return await store.get(org_id, payment_id) or payment


async def _look(desk: PaymentDesk, chain: PaymentChain, payment: Payment, lane: SenderLane) -> _Found:
    """Reads what the chain has in every nonce that is open here, or that was never given out."""
    chain_nonce = await chain.nonce_at_head(payment.from_address)
    live, recent = await desk.uow.run(lambda session: _slots(session, payment, lane))
    open_here = [slot for slot in live if slot.nonce < chain_nonce]
    given = {nonce for slot in recent for nonce in range(slot.nonce, slot.nonce + slot.uses)}
    never = [nonce for nonce in range(_first_unknown(lane, recent, chain_nonce), chain_nonce) if nonce not in given]
    if len(never) + len(open_here) > NONCES_MAX:
        raise NotFinalYet(f"The chain has {len(never)} transactions of this wallet that are not known here: too many to match one by one.")
    found = _Found(chain_nonce)
    for slot in open_here:
        known = {row.hash for row in await store.attempts(slot.owner_org_id, slot.payment_id)}
        seen = await chain.mined_with_nonce(payment.from_address, slot.nonce)
        if seen is not None and seen.hash not in known:
            found.lost[slot.payment_id] = seen
    for nonce in never:
        if (seen := await chain.mined_with_nonce(payment.from_address, nonce)) is not None:
            found.unknown.append(seen)
    return found


async def _slots(session: Session, payment: Payment, lane: SenderLane) -> tuple[list[NonceSlot], list[NonceSlot]]:
    """Those that are open, and those from the first nonce on that was not looked at."""
    live = await store.live_slots(session, payment.chain_id, payment.from_address)
    return live, await store.slots_from(session, payment.chain_id, payment.from_address, lane.known_nonce or 0)


def _first_unknown(lane: SenderLane, slots: list[NonceSlot], chain_nonce: int) -> int:
    last = max((slot.nonce + slot.uses for slot in slots), default=chain_nonce)
    return lane.known_nonce if lane.known_nonce is not None else last


async def _require_final(desk: PaymentDesk, chain: PaymentChain, payment: Payment, found: _Found) -> None:
    """What took a payment's nonce must not be undone any more: the payment could be mined after all."""
    lost = list(found.lost.values())
    asked = [Expected(payment.org_id, payment.wallet_id, payment.chain_id, seen.sender, seen.nonce, seen.hash) for seen in lost]
    receipts = await chain.receipts(asked) if asked else {}
    needed = desk.networks[payment.network].confirmations
    for hash_ in (seen.hash for seen in lost):
        if hash_ not in receipts or not _is_final(receipts[hash_], needed):
            raise NotFinalYet(f"The transaction {hash_}, which used a nonce of this wallet, is not final yet. Try again in a moment.")


def _is_final(receipt: Receipt, needed: int) -> bool:
    return receipt.final and receipt.depth >= needed and not receipt.disputed


async def _match(session: Session, payment: Payment, found: _Found, desk: PaymentDesk) -> set[str]:
    """Transactions in nonces that were never given out, with the intents that they execute: each goes on as sent."""
    intents = await store.unslotted_of_sender(payment.org_id, payment.network, payment.from_address, session)
    matched: set[str] = set()
    for seen in sorted(found.unknown, key=lambda row: row.nonce):
        intent = next((row for row in intents if row.call == seen.call), None)
        if intent is not None:
            intents.remove(intent)
            await payments.adopt(session, intent, seen, desk.clock.now())
            matched.add(seen.hash)
    return matched
