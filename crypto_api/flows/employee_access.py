"""What an employee's status means for the person: whether they may act in the organisation. Their sessions there end in the same unit of work."""

from collections.abc import Sequence
from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.employees.documents import Employee
from crypto_api.employees.rules import SHUT_OUT
from crypto_api.flows.members import take_out
from crypto_api.identity import store as identities
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store as organization_store
from crypto_api.organizations.documents import InvitationState, Membership
from crypto_api.organizations.rules import check_take
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session


async def follow_status(session: Session, principal: Principal, before: Employee, after: Employee, now: datetime) -> int:
    """Suspends or reinstates the membership as the new status wants it; how many sessions ended. LastAdmin, AdminsOnly."""
    was_out, is_out = before.status in SHUT_OUT, after.status in SHUT_OUT
    membership = await _membership(session, principal, after) if was_out != is_out else None
    if membership is None:
        return 0
    suspended_at = now if is_out else None
    await organizations.change_member(session, membership, membership.role, suspended_at, now)
    summary = f"Membership {'suspended' if is_out else 'reinstated'}: the employee is {after.status}"
    was, became = {"suspended_at": membership.suspended_at}, {"suspended_at": suspended_at}
    await audit.record(session, after.org_id, "member.changed", summary, now, subject=("member", membership.user_id), before=was, after=became)
    return await identities.end_sessions(session, membership.user_id, f"employee_{after.status}", now, org_id=after.org_id) if is_out else 0


async def leave(session: Session, principal: Principal, employee: Employee, now: datetime) -> None:
    """The membership is gone and with it their sessions there, or the open invitation is taken back. LastAdmin, AdminsOnly."""
    if employee.invitation_id is not None:
        await _take_back_invitation(session, employee.org_id, employee.invitation_id, now)
    membership = await _membership(session, principal, employee)
    if membership is not None:
        await take_out(session, membership, now)


async def roles_of(org_id: str, rows: Sequence[Employee]) -> dict[str, str]:
    """By employee: the role in the organisation, or the one that the open invitation offers."""
    held = {row.user_id: row.role for row in await organization_store.members_among(org_id, [row.user_id for row in rows if row.user_id])}
    offered = {
        row.id: row.role for row in await organization_store.open_invitations_among(org_id, [row.invitation_id for row in rows if row.invitation_id])
    }
    found = {row.id: held.get(row.user_id or "") or offered.get(row.invitation_id or "") for row in rows if row.present}
    return {employee_id: role for employee_id, role in found.items() if role is not None}


async def _membership(session: Session, principal: Principal, employee: Employee) -> Membership | None:
    if employee.user_id is None:
        return None
    membership = await organization_store.membership(employee.org_id, employee.user_id, session)
    if membership is not None:
        check_take(principal.role, membership.role)
    return membership


async def _take_back_invitation(session: Session, org_id: str, invitation_id: str, now: datetime) -> None:
    invitation = await organization_store.invitation(org_id, invitation_id, session)
    if invitation is not None and invitation.state is InvitationState.OPEN:
        await organizations.revoke(session, org_id, invitation_id, None, now)
