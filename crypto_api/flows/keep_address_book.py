"""Who may be paid at which address: written down by one person, verified by another, payable after a while."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from crypto_api.address_book import rules
from crypto_api.address_book import service as book
from crypto_api.address_book import store as payees
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import Checked, Known, NewPayee, PayeeState
from crypto_api.classification import store as counterparties
from crypto_api.flows.members import require_standing
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ethereum import ChainUnavailable, parse_address
from crypto_api.kit.log import security
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations.types import Principal
from crypto_api.payments import store as payments
from crypto_api.policies import service as policies
from crypto_api.wallets import store as wallets
from mongodb_config.unit_of_work import Session, UnitOfWork

LOOK_S = 4.0  # for a look at the networks: a node that is slower leaves a warning
Versions = Collection[int] | None


class CodeReader(Protocol):
    """One network, as far as an address book asks it."""

    async def call_any(self, method: str, params: list[Any]) -> Any: ...


@dataclass(frozen=True)
class Desk:
    """What the address book is kept with."""

    uow: UnitOfWork
    clock: Clock
    networks: Mapping[str, NetworkConfig]
    nodes: Mapping[str, CodeReader]  # by slug


async def add_payee(desk: Desk, principal: Principal, org_id: str, new: NewPayee, *, confirm_look_alike: bool) -> Payee:
    """Unverified. InvalidInput for an address that cannot be a payee's, and for one that looks like a known one unless that is confirmed;
    PayeeExists."""
    found = await check_address(desk, org_id, new.address, new.network, confirm_look_alike=confirm_look_alike)
    now = desk.clock.now()
    payee = book.prepare(org_id, new, found, principal.user_id, now)
    return await desk.uow.run(lambda session: book.add(session, payee, now))


async def change_payee(
    desk: Desk, principal: Principal, org_id: str, payee_id: str, fields: Mapping[str, Any], versions: Versions, *, confirm_look_alike: bool
) -> Payee:
    """Sets `fields` of name, note, address and network. With another address or network it is unverified again. NotFound, PayeeRemoved,
    PreconditionFailed, and what `add_payee` raises."""
    now = desk.clock.now()
    seen = await _seen(desk, org_id, payee_id, versions)
    address, network = fields.get("address", seen.address), fields.get("network", seen.network)
    rewritten = rules.is_rewritten((seen.address, seen.network), (_address(address), network))
    found = await check_address(desk, org_id, address, network, confirm_look_alike=confirm_look_alike, but=payee_id) if rewritten else None

    async def work(session: Session) -> Payee:
        before = await book.standing_entry(session, org_id, payee_id, {seen.version})
        kept = {name: value for name, value in fields.items() if name != "address" and getattr(before, name) != value}
        if not kept and found is None:
            return before
        return await book.change(session, before, kept, found, principal.user_id, now)

    row = await desk.uow.run(work)
    if found is not None:
        security.info("payee_address_changed", user_id=principal.user_id, org_id=org_id, payee_id=payee_id)
    return row


async def verify_payee(desk: Desk, principal: Principal, org_id: str, payee_id: str, address: str, versions: Versions) -> Payee:
    """Payable once the cooling-off of the policy is over. `address` is the one that the person compared with what the payee says. NotFound,
    PayeeRemoved, PreconditionFailed, AlreadyDecided, OwnEntry, OtherAddress."""
    now, compared = desk.clock.now(), _address(address)

    async def work(session: Session) -> Payee:
        await require_standing(session, principal, org_id)
        before = await book.standing_entry(session, org_id, payee_id, versions)
        policy = (await policies.current(org_id, now, session)).policy
        verified = await book.verify(session, before, compared, principal.user_id, policy.cooling_off, now)
        await payments.make_due(session, org_id, now, verified.address)
        return verified

    row = await desk.uow.run(work)
    security.info("payee_verified", user_id=principal.user_id, org_id=org_id, payee_id=payee_id)
    return row


async def reject_payee(desk: Desk, principal: Principal, org_id: str, payee_id: str, versions: Versions) -> Payee:
    """NotFound, PayeeRemoved, PreconditionFailed, AlreadyDecided."""
    now = desk.clock.now()

    async def work(session: Session) -> Payee:
        await require_standing(session, principal, org_id)
        rejected = await book.reject(session, await book.standing_entry(session, org_id, payee_id, versions), now)
        await payments.make_due(session, org_id, now, rejected.address)
        return rejected

    row = await desk.uow.run(work)
    security.info("payee_rejected", user_id=principal.user_id, org_id=org_id, payee_id=payee_id)
    return row


async def remove_payee(desk: Desk, org_id: str, payee_id: str, versions: Versions) -> None:
    """NotFound, PayeeRemoved, PreconditionFailed."""
    now = desk.clock.now()

    async def work(session: Session) -> None:
        await book.remove(session, await book.standing_entry(session, org_id, payee_id, versions), now)

    await desk.uow.run(work)


async def check_address(desk: Desk, org_id: str, address: str, network: str | None, *, confirm_look_alike: bool, but: str | None = None) -> Checked:
    """InvalidInput naming the field. `but` is the entry itself, where it is changed."""
    if network is not None and network not in desk.networks:
        raise InvalidInput.of("network", f"must be one of {', '.join(desk.networks)}", "unknown_network")
    concerned = {slug: desk.networks[slug] for slug in ([network] if network else desk.networks)}
    tokens = {token.address.lower(): token.symbol for row in concerned.values() for token in row.listed()}
    contract_on, unseen_on = await _look(desk, concerned, _address(address))
    try:
        found = rules.checked(address, tokens, contract_on, unseen_on, rules.KnownAddresses(await known_addresses(org_id, but)))
    except ValueError as error:
        raise InvalidInput.of("address", str(error), "not_payable") from error
    if found.look_alike is not None and not confirm_look_alike:
        told = f"begins and ends like {found.look_alike.called}, {found.look_alike.address}, and is another one: a sign of address poisoning. "
        raise InvalidInput.of("address", told + "Compare each character; if it is right, confirm it with confirm_look_alike", "look_alike")
    return found


async def known_addresses(org_id: str, but: str | None = None) -> list[Known]:
    """Own wallets, other payees, and counterparties that somebody named."""
    own = [Known(row.address, f"your wallet {row.name}") for row in await wallets.active(org_id)]
    others = [Known(address, f"the payee {name}") for address, name in await payees.names(org_id, but)]
    met = [Known(address, f"the counterparty {name}") for address, (name, _) in (await counterparties.known(org_id)).items()]
    return [*met, *others, *own]


async def resembled(org_id: str, address: str, but: str | None = None) -> Known | None:
    """The known address that this one only looks like, for showing both side by side."""
    return rules.KnownAddresses(await known_addresses(org_id, but)).look_alike(_address(address))


async def _look(desk: Desk, concerned: Mapping[str, NetworkConfig], address: str) -> tuple[list[str], list[str]]:
    """The names of the networks that have code at the address, and of those that did not tell."""

    async def one(slug: str) -> bool | None:
        try:
            async with asyncio.timeout(LOOK_S):
                return await desk.nodes[slug].call_any("eth_getCode", [address, "latest"]) not in ("0x", "0x0", None)
        except (ChainUnavailable, TimeoutError):
            return None

    told = dict(zip(concerned, await asyncio.gather(*(one(slug) for slug in concerned)), strict=True))
    return [concerned[slug].name for slug, code in told.items() if code], [concerned[slug].name for slug, code in told.items() if code is None]


async def _seen(desk: Desk, org_id: str, payee_id: str, versions: Versions) -> Payee:
    return await desk.uow.run(lambda session: book.standing_entry(session, org_id, payee_id, versions))


def _address(value: str) -> str:
    try:
        return parse_address(value)
    except ValueError as error:
        raise InvalidInput.of("address", str(error), "invalid_address") from error


def waits_for(principal: Principal, row: Payee) -> bool:
    """Whether this person is one of those who could verify it."""
    return row.state is PayeeState.UNVERIFIED and row.address_changed_by != principal.user_id
