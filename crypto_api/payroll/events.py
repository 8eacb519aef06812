"""Facts of the slice. They name period and payslip by their ids alone: what somebody earns is read with the permission to."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _PayrollEvent(DomainEvent):
    permission: ClassVar[str] = "payroll.read"

    period_id: str
    status: str


class PayrollPeriodAdded(_PayrollEvent):
    kind: ClassVar[str] = "payroll_period.added"


class PayrollPeriodChanged(_PayrollEvent):
    """Its days, its payslips, or how far it has come."""

    kind: ClassVar[str] = "payroll_period.changed"


class PayrollPeriodDeleted(_PayrollEvent):
    """Nothing in it had been approved."""

    kind: ClassVar[str] = "payroll_period.deleted"


class PayrollOrdered(_PayrollEvent):
    """Somebody ordered approved payslips to be paid; the plan stands."""

    kind: ClassVar[str] = "payroll.ordered"


class _PayslipEvent(DomainEvent):
    permission: ClassVar[str] = "payroll.read"

    payslip_id: str
    period_id: str
    status: str


class PayslipPrepared(_PayslipEvent):
    kind: ClassVar[str] = "payslip.prepared"


class PayslipApproved(_PayslipEvent):
    """It is booked: what is owed to the employee, and what was kept back."""

    kind: ClassVar[str] = "payslip.approved"


class PayslipPaid(_PayslipEvent):
    """Every share of it."""

    kind: ClassVar[str] = "payslip.paid"


class PayslipMailed(_PayslipEvent):
    """The employee was told of it by mail."""

    kind: ClassVar[str] = "payslip.mailed"


class PayslipMoved(_PayslipEvent):
    """Its payments went on, failed, or were taken back by a reorganisation."""

    kind: ClassVar[str] = "payslip.moved"


class PayProfileChanged(DomainEvent):
    permission: ClassVar[str] = "payroll.read"
    kind: ClassVar[str] = "pay_profile.changed"

    employee_id: str


class TaxTableAdded(DomainEvent):
    permission: ClassVar[str] = "payroll.read"
    kind: ClassVar[str] = "tax_table.added"

    code: str
