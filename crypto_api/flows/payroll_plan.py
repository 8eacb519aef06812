"""What the lane of payrolls reaches the world through: the same code runs over the database, and over memory under seeded schedules."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from crypto_api.flows.prepare_many import Order
from crypto_api.flows.prepare_wanted import Guard, PaymentDesk
from crypto_api.kit.errors import CoreError
from crypto_api.organizations.types import Principal
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Origin
from crypto_api.payroll.documents import Payout, PayrollPeriod, PayrollStep, Payslip
from mongodb_config.unit_of_work import Session


class PlanRows(Protocol):
    """Steps, shares and payslips of ordered payrolls; in the database `payroll/store.py`."""

    async def period(self, org_id: str, period_id: str, session: Session | None = None) -> PayrollPeriod | None: ...

    async def steps_due(self, now: datetime, limit: int) -> list[PayrollStep]: ...

    async def steps(self, org_id: str, step_ids: Collection[str], session: Session | None = None) -> dict[str, PayrollStep]: ...

    async def change_steps(self, session: Session, org_id: str, changes: Mapping[str, dict[str, Any]]) -> None: ...

    async def allowance_of_run(self, org_id: str, period_id: str, run_id: str, asset: str) -> PayrollStep | None: ...

    async def payouts_of_steps(self, org_id: str, step_ids: Collection[str], session: Session | None = None) -> dict[str, list[Payout]]: ...

    async def payouts_of_payslips(self, org_id: str, payslip_ids: Collection[str], session: Session | None = None) -> dict[str, list[Payout]]: ...

    async def move_payouts(self, session: Session, org_id: str, changes: Mapping[str, dict[str, Any]]) -> None: ...

    async def payslips(self, org_id: str, payslip_ids: Collection[str], session: Session | None = None) -> dict[str, Payslip]: ...

    async def move_payslips(self, session: Session, rows: Sequence[tuple[Payslip, dict[str, Any]]]) -> bool: ...


class PaymentRows(Protocol):
    """Payments as the lane reads them; in the database `payments/store.py`."""

    async def get(self, org_id: str, payment_id: str, session: Session | None = None) -> Payment | None: ...

    async def by_ids(self, org_id: str, payment_ids: Collection[str], session: Session | None = None) -> list[Payment]: ...

    async def by_origins(self, org_id: str, origins: Collection[Origin], session: Session | None = None) -> dict[Origin, Payment]: ...


class Prepare(Protocol):
    """`prepare_many`: the same origin is the same payment, and the guard is asked in the unit of work that stores them."""

    async def __call__(
        self, desk: PaymentDesk, principal: Principal, org_id: str, orders: Sequence[Order], *, confirmed: bool = False, guard: Guard | None = None
    ) -> Sequence[Payment | CoreError]: ...
