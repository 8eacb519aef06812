"""Errors of the slice."""

from crypto_api.employees.types import EmployeeStatus
from crypto_api.kit.errors import Conflict, PermissionDenied


class EmployeeExists(Conflict):
    code = "employee_exists"

    def __init__(self) -> None:
        super().__init__("This person is an employee of the organisation already.")


class AlreadyDecided(Conflict):
    code = "already_decided"

    def __init__(self, status: EmployeeStatus) -> None:
        super().__init__(f"This employee does not wait for verification: the status is {status}.")


class TransitionNotAllowed(Conflict):
    code = "transition_not_allowed"

    def __init__(self, status: EmployeeStatus, wanted: EmployeeStatus) -> None:
        super().__init__(f"An employee who is {status} cannot become {wanted}.")


class EmployeeRemoved(Conflict):
    code = "employee_removed"

    def __init__(self) -> None:
        super().__init__("This employee was removed: what is kept is history. Add the person again.")


class OwnRecord(PermissionDenied):
    code = "own_record"

    def __init__(self) -> None:
        super().__init__("Nobody decides about themselves: somebody else has to do that.")


class NotYourTeam(PermissionDenied):
    code = "not_your_team"

    def __init__(self) -> None:
        super().__init__("This employee is not in your team.")
