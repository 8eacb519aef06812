"""People who are paid: employees with what they earn, and a wallet that they proved and somebody verified, without the way there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PayeeState
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus
from crypto_api.kit.ids import next_id
from crypto_api.payroll.documents import PayProfile
from crypto_api.payroll.types import PayMethod, ShareRule
from mongodb_config.base_document import encoded
from mongodb_config.parts import in_parts

ALL_ETH = (ShareRule(method=PayMethod.CRYPTO, percent=Decimal(100), asset="ETH"),)
ALL_USDC = (ShareRule(method=PayMethod.CRYPTO, percent=Decimal(100), asset="USDC"),)
MONTH: dict[str, Any] = {"name": "November 2026", "start_date": "2026-11-01", "end_date": "2026-11-30", "pay_date": "2026-11-30", "currency": "USD"}


@dataclass(frozen=True)
class Paid:
    """Somebody who can be paid."""

    employee_id: str
    address: str
    payee_id: str


async def employed(org_id: str, address: str, now: datetime, **values: Any) -> Paid:
    """As `hired` has it, stored."""
    documents = hired(org_id, address, now, **values)
    for row in documents:
        await row.insert()
    return Paid(documents[0].id, address, documents[1].id)


async def employ_all(documents: Sequence[tuple[Employee, Payee, PayProfile]]) -> None:
    """Many of `hired`, stored together."""
    for kind, rows in zip((Employee, Payee, PayProfile), zip(*documents, strict=True), strict=True):
        for part in in_parts(rows):
            await kind.get_pymongo_collection().insert_many([encoded(row) for row in part])


def hired(
    org_id: str,
    address: str,
    now: datetime,
    *,
    basic: str = "1000",
    shares: Sequence[ShareRule] = ALL_ETH,
    tax_table: str | None = None,
    user_id: str | None = None,
    name: str = "Grace",
    cools_until: datetime | None = None,
    manager_id: str | None = None,
) -> tuple[Employee, Payee, PayProfile]:
    employee_id, payee_id = next_id("emp"), next_id("pye")
    employee = Employee(
        id=employee_id,
        created_at=now,
        updated_at=now,
        org_id=org_id,
        email=f"{employee_id}@example.com",
        first_name=name,
        last_name="Hopper",
        name_folded=f"hopper {name.lower()} {employee_id}",
        start_date=date(2026, 1, 1).isoformat(),
        user_id=user_id,
        status=EmployeeStatus.ACTIVE,
        manager_id=manager_id,
    )
    payee = Payee(
        id=payee_id,
        created_at=now,
        updated_at=now,
        org_id=org_id,
        name=f"{name} Hopper",
        name_folded=f"{name} hopper".lower(),
        address=address,
        state=PayeeState.VERIFIED,
        created_by="usr_1",
        address_changed_by="usr_1",
        address_changed_at=now,
        verified_by="usr_2",
        verified_at=now,
        verified_name=f"{name} Hopper",
        payable_from=cools_until or now - timedelta(hours=1),
    )
    profile = PayProfile(
        id=employee_id,
        created_at=now,
        updated_at=now,
        org_id=org_id,
        currency="USD",
        basic=Decimal(basic),
        shares=list(shares),
        tax_table=tax_table,
        payee_id=payee_id,
        wallet_address=address,
        wallet_proved_at=now,
        updated_by="usr_1",
    )
    return employee, payee, profile
