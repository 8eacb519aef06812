"""Pure decisions of the slice: who stands above whom, and which status may follow which.

`managers` maps the id of every present employee to that of their manager, None for those who have none.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from crypto_api.employees.types import DEPTH_MAX, EmployeeDecision, EmployeeStatus, Scope

Managers = Mapping[str, str | None]

ALLOWED: Mapping[EmployeeStatus, frozenset[EmployeeStatus]] = {
    EmployeeStatus.INVITED: frozenset(),
    EmployeeStatus.PENDING: frozenset({EmployeeStatus.ACTIVE, EmployeeStatus.REJECTED}),
    EmployeeStatus.ACTIVE: frozenset({EmployeeStatus.SUSPENDED, EmployeeStatus.PENDING}),
    EmployeeStatus.SUSPENDED: frozenset({EmployeeStatus.ACTIVE}),
    EmployeeStatus.REJECTED: frozenset({EmployeeStatus.PENDING}),
    EmployeeStatus.REMOVED: frozenset(),
}
"""By a change of the status alone. Becoming PENDING from INVITED takes the person's consent, REMOVED has a way of its own."""

SHUT_OUT = frozenset({EmployeeStatus.SUSPENDED, EmployeeStatus.REJECTED})
"""Whoever is that acts no more in the organisation."""

OUTCOME = {EmployeeDecision.APPROVE: EmployeeStatus.ACTIVE, EmployeeDecision.REJECT: EmployeeStatus.REJECTED}


def may_become(status: EmployeeStatus, wanted: EmployeeStatus) -> bool:
    return wanted in ALLOWED[status]


def chain_above(managers: Managers, employee_id: str) -> Iterator[str]:
    """The manager, the manager's manager and so on. Ends also if what is stored were a circle."""
    seen = {employee_id}
    above = managers.get(employee_id)
    while above is not None and above not in seen:
        yield above
        seen.add(above)
        above = managers.get(above)


def depths_below(managers: Managers, employee_id: str) -> dict[str, int]:
    """Everybody in the team, direct reports with 1, theirs with 2 and so on, nearest first."""
    reports: dict[str, list[str]] = defaultdict(list)
    for person, manager in managers.items():
        if manager is not None:
            reports[manager].append(person)
    depths: dict[str, int] = {}
    level, depth = [employee_id], 0
    while level:
        depth += 1
        level = [person for manager in level for person in reports[manager] if person not in depths and person != employee_id]
        depths |= dict.fromkeys(level, depth)
    return depths


def refusal_of_manager(managers: Managers, employee_id: str, manager_id: str, depth_max: int = DEPTH_MAX) -> tuple[str, str] | None:
    """(message, code) when `manager_id` cannot be the manager of `employee_id`, who may be new; None when they can."""
    if manager_id == employee_id:
        return "is this employee: nobody is their own manager", "own_manager"
    if manager_id not in managers:
        return "is not a present employee of this organisation", "unknown_manager"
    above = [manager_id, *chain_above(managers, manager_id)]
    if employee_id in above:
        return "is in this employee's own team: that would be a circle", "cycle"
    below = max(depths_below(managers, employee_id).values(), default=0)
    if len(above) + 1 + below > depth_max:
        return f"would make a hierarchy of more than {depth_max} levels", "too_deep"
    return None


def scope_of(managers: Managers, own_id: str | None, *, whole: bool) -> Scope:
    """`whole` for those who are concerned with everybody; the others with their own team, or nobody if they have none."""
    if whole:
        return Scope(None, own_id)
    return Scope(frozenset(depths_below(managers, own_id)) if own_id is not None else frozenset(), own_id)


def folded_name(first_name: str, last_name: str) -> str:
    """What names are sorted by."""
    return f"{last_name} {first_name}".strip().casefold()
