"""Which employees wait for the decision of one member: what the console of verification and its page show."""

from typing import Any

from crypto_api.employees import store
from crypto_api.employees.documents import Employee
from crypto_api.flows.employee_scope import scope_of
from crypto_api.organizations.types import Principal

SHOWN_MAX = 200


async def verification_queue(principal: Principal) -> dict[str, Any]:
    """Those about whom this member may decide, who waits longest first. `total` counts also those that are not shown."""
    assert principal.org_id is not None, "only members are admitted"
    scope = await scope_of(principal)
    rows = await store.pending(principal.org_id, scope.team, SHOWN_MAX, scope.own_id)
    total = len(rows) if len(rows) < SHOWN_MAX else await store.count_pending(principal.org_id, scope.team, scope.own_id)
    return {"pending": [_shown(row) for row in rows], "total": total}


def _shown(employee: Employee) -> dict[str, Any]:
    return {
        "id": employee.id,
        "email": employee.email,
        "first_name": employee.first_name,
        "last_name": employee.last_name,
        "job_title": employee.job_title,
        "department": employee.department,
        "manager_id": employee.manager_id,
        "user_id": employee.user_id,
        "start_date": employee.start_date,
        "version": employee.version,
        "created_at": employee.created_at,
        "updated_at": employee.updated_at,
    }
