"""What each query leaves alone: the employees of another organisation, and other people of the same one."""

from datetime import datetime

import pytest

from crypto_api.employees import store
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus
from crypto_api.kit.paging import PageRequest
from crypto_api.runtime import Runtime

ORG, OTHER = "org_one", "org_two"


@pytest.fixture
async def now(runtime: Runtime) -> datetime:
    """Ada was removed and came back; Bob is there; a namesake of hers is elsewhere."""
    now = runtime.clock.now()
    for name, org_id, email, status in (
        ("ada before", ORG, "ada@example.com", EmployeeStatus.REMOVED),
        ("ada", ORG, "ada@example.com", EmployeeStatus.PENDING),
        ("bob", ORG, "bob@example.com", EmployeeStatus.PENDING),
        ("elsewhere", OTHER, "ada@example.com", EmployeeStatus.PENDING),
    ):
        present = status is not EmployeeStatus.REMOVED
        row = Employee(
            id=name, created_at=now, updated_at=now, org_id=org_id, email=email, first_name="", last_name="", status=status, present=present
        )
        await row.insert()
    return now


def ids(rows: list[Employee]) -> set[str]:
    return {row.id for row in rows}


@pytest.mark.usefixtures("now")
async def test_employees_are_those_of_the_organisation_who_were_asked_for() -> None:
    assert ids(await store.by_email(ORG, "ada@example.com")) == {"ada before", "ada"}
    assert await store.by_email(ORG, "eve@example.com") == []
    assert await store.count(ORG) == 2
    assert ids(await store.pending(ORG, None, 10, but="bob")) == {"ada"}
    assert ids(await store.pending(ORG, ["bob", "elsewhere"], 10)) == {"bob"}
    assert await store.count_pending(ORG, None) == 2
    for where in ({}, {"email": "ada@example.com"}):
        page = await store.page(ORG, where, PageRequest(count=True))
        assert "elsewhere" not in ids(list(page.items))
        assert page.total == (3 if not where else 2)
