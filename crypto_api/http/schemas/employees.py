from typing import Annotated, Any, Literal, TypedDict

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeDecision, EmployeeStatus, NewEmployee
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.auth import Email
from crypto_api.http.schemas.base import Choice, Date, Line, Prose, QueryFlag, ReadSchema, RequestSchema, Time, Word
from crypto_api.identity.rules import fold, is_username
from crypto_api.organizations.types import Role

Username = Annotated[Word, StringConstraints(max_length=100)]


def _acceptable(value: str) -> str:
    if not is_username(fold(value)):
        raise ValueError("must be 3 to 40 characters of a-z, 0-9, dot, dash and underscore")
    return value


NewUsername = Annotated[Username, AfterValidator(_acceptable)]


class _Position(RequestSchema):
    job_title: Line | None = Field(default=None, examples=["Controller"])
    department: Line | None = Field(default=None, examples=["Finance"])
    manager_id: Word | None = Field(default=None, examples=["emp_01k9x5r3v8"], description="Another employee.")
    start_date: Date | None = None


class EmployeeCreate(_Position):
    email: Email = Field(examples=["jonas@example.com"])
    first_name: Line = Field(examples=["Jonas"])
    last_name: Line = Field(examples=["Weber"])

    def new(self) -> NewEmployee:
        return NewEmployee(
            email=fold(self.email),
            first_name=self.first_name,
            last_name=self.last_name,
            job_title=self.job_title or "",
            department=self.department or "",
            manager_id=self.manager_id,
            start_date=self.start_date.isoformat() if self.start_date else None,
        )


class EmployeeInvite(EmployeeCreate):
    username: NewUsername | None = Field(default=None, description="For the account, where the person has none yet.", examples=["jonas"])
    role: Word = Field(default=Role.USER, description="A built-in role, or the id of one of the organisation's own.", examples=["USER"])


class EmployeeInviteExisting(_Position):
    """One of `email` and `username`."""

    email: Email | None = Field(default=None, examples=["jonas@example.com"])
    username: Username | None = None
    role: Word = Field(default=Role.USER, description="A built-in role, or the id of one of the organisation's own.", examples=["USER"])

    @model_validator(mode="after")
    def _one_name(self) -> "EmployeeInviteExisting":
        if (self.email is None) == (self.username is None):
            raise ValueError("give either email or username")
        return self

    def new(self, email: str) -> NewEmployee:
        return NewEmployee(
            email=email,
            job_title=self.job_title or "",
            department=self.department or "",
            manager_id=self.manager_id,
            start_date=self.start_date.isoformat() if self.start_date else None,
        )


class EmployeeUpdate(_Position):
    """What is left out stays as it is; null takes away manager, title, department or start date."""

    first_name: Line | None = Field(default=None, examples=["Jonas"])
    last_name: Line | None = Field(default=None, examples=["Weber"])

    @model_validator(mode="after")
    def _named(self) -> "EmployeeUpdate":
        if any(name in self.model_fields_set and getattr(self, name) is None for name in ("first_name", "last_name")):
            raise ValueError("first_name and last_name cannot be taken away")
        return self

    def fields(self) -> dict[str, str | None]:
        """Those that were sent, as they are stored."""
        given: dict[str, str | None] = {}
        for name in self.model_fields_set:
            value = getattr(self, name)
            if name == "start_date":
                given[name] = value.isoformat() if value else None
            elif name in ("job_title", "department"):
                given[name] = value or ""
            else:
                given[name] = value
        return given


class EmployeeVerify(RequestSchema):
    decision: Choice[EmployeeDecision] = Field(examples=["approve"])
    note: Prose = Field(default="", examples=["Met in person."])


class EmployeeStatusChange(RequestSchema):
    status: Literal["active", "suspended", "pending", "rejected"] = Field(examples=["suspended"])


class EmployeeQuery(PageQuery):
    status: EmployeeStatus | None = Field(default=None, description="Removed ones are listed only when asked for.")
    department: Word | None = None
    manager_id: Word | None = None
    q: Word | None = Field(default=None, description="Part of a name, of the address or of the job title.")

    def filters(self) -> "EmployeeFilters":
        return {"status": self.status, "department": self.department, "manager_id": self.manager_id, "q": self.q}


class EmployeeFilters(TypedDict):
    status: EmployeeStatus | None
    department: str | None
    manager_id: str | None
    q: str | None


class TeamQuery(PageQuery):
    deep: QueryFlag = Field(default=False, description="Also the reports' reports, as far down as it goes.")


class EmployeeRead(ReadSchema):
    id: str = Field(examples=["emp_01k9x5r3v8"])
    email: str | None = Field(examples=["jonas@example.com"], description="Not known of somebody invited by user name, until they agree.")
    first_name: str = Field(examples=["Jonas"])
    last_name: str = Field(examples=["Weber"])
    job_title: str = Field(examples=["Controller"])
    department: str = Field(examples=["Finance"])
    manager_id: str | None = Field(examples=["emp_01k9x5r3v7"])
    user_id: str | None = Field(examples=["usr_01k9x5r3v8"], description="Their account, once they have agreed.")
    start_date: str | None = Field(examples=["2026-12-01"])
    status: EmployeeStatus
    verified_by: str | None
    verified_at: Time | None
    verification_note: str
    removed_at: Time | None
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, employee: Employee) -> "EmployeeRead":
        return cls(**_values(employee))


class TeamMemberRead(EmployeeRead):
    depth: int = Field(examples=[1], description="1 for direct reports, 2 for theirs, and so on.")

    @classmethod
    def at(cls, employee: Employee, depth: int) -> "TeamMemberRead":
        return cls(**_values(employee), depth=depth)


class MemberEmployeeRead(EmployeeRead):
    role: str | None = Field(examples=["USER"], description="In the organisation, or offered by the open invitation.")

    @classmethod
    def with_role(cls, employee: Employee, role: str | None) -> "MemberEmployeeRead":
        return cls(**_values(employee), role=role)


def _values(employee: Employee) -> dict[str, Any]:
    shown: dict[str, Any] = {name: getattr(employee, name) for name in EmployeeRead.model_fields}
    shown["email"] = None if employee.email.startswith("@") else employee.email
    return shown
