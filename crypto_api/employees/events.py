"""Facts of the slice. They name the employee by id alone: what else is known of a person is read by those who may see that person."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _EmployeeEvent(DomainEvent):
    permission: ClassVar[str] = "employees.read"

    employee_id: str
    status: str


class EmployeeAdded(_EmployeeEvent):
    kind: ClassVar[str] = "employee.added"


class EmployeeChanged(_EmployeeEvent):
    """What is known of the person, or their manager."""

    kind: ClassVar[str] = "employee.changed"


class EmployeeJoined(_EmployeeEvent):
    """Came by consent; has an account in the organisation from now on."""

    kind: ClassVar[str] = "employee.joined"


class EmployeeVerified(_EmployeeEvent):
    """Approved or rejected: the status says which."""

    kind: ClassVar[str] = "employee.verified"


class EmployeeSuspended(_EmployeeEvent):
    kind: ClassVar[str] = "employee.suspended"


class EmployeeReinstated(_EmployeeEvent):
    """No longer suspended or rejected, or to be verified anew."""

    kind: ClassVar[str] = "employee.reinstated"


class EmployeeRemoved(_EmployeeEvent):
    kind: ClassVar[str] = "employee.removed"
