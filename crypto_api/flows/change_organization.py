"""Changing the settings of an organisation, with what other nouns have to say about it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from crypto_api.identity import store as identities
from crypto_api.identity.types import STRONG
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.log import security
from crypto_api.ledger import store as ledger
from crypto_api.organizations import service as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.errors import FunctionalCurrencyInUse, SecondFactorFirst
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork


async def change_organization(
    uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, fields: Mapping[str, Any], versions: Collection[int] | None
) -> Organization:
    """NotFound, PreconditionFailed, FunctionalCurrencyInUse once there are journal entries, SecondFactorFirst for whoever would lock themselves
    out. `principal` acts in this organisation."""
    now = clock.now()

    async def work(session: Session) -> Organization:
        before = await organizations.expected(session, org_id, versions)
        changes = {name: value for name, value in fields.items() if getattr(before, name) != value}
        if not changes:
            return before
        if "functional_currency" in changes and await ledger.has_entries(org_id, session):
            raise FunctionalCurrencyInUse
        if "second_factor_roles" in changes:
            await _check_roles(session, principal, before, changes["second_factor_roles"], now)
        return await organizations.change_settings(session, before, changes, now)

    organization = await uow.run(work)
    security.info("organization_changed", user_id=principal.user_id, org_id=org_id, fields=sorted(fields))
    return organization


async def _check_roles(session: Session, principal: Principal, before: Organization, roles: Collection[str], now: datetime) -> None:
    for number, role in enumerate(roles):
        if await organizations.permissions_of(before.id, role, session) is None:
            raise InvalidInput.of(f"second_factor_roles.{number}", "is no role of this organisation", "unknown_role")
    if principal.role in roles and principal.role not in before.second_factor_roles:
        own = await identities.live_session(principal.session_id, now)
        if own is None or not STRONG & set(own.factors):
            raise SecondFactorFirst
