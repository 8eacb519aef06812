from datetime import date, datetime

from pymongo import ASCENDING, IndexModel

from crypto_api.employees.types import EmployeeStatus
from mongodb_config.base_document import TenantDocument


class Employee(TenantDocument):
    email: str  # folded; `@` and a user name while somebody named by that has not agreed yet
    first_name: str
    last_name: str
    name_folded: str = ""  # last and first name, to sort by, and to find by the last
    first_folded: str = ""  # to find by the first
    job_title: str = ""
    department: str = ""
    start_date: str | None = None  # YYYY-MM-DD
    user_id: str | None = None  # once there is an account behind it, and its person agreed
    manager_id: str | None = None  # another employee
    account_id: str | None = None  # an account that was made for them; shown to nobody, and theirs once they have chosen its password
    username: str = ""  # that this account is to have then, if it is free
    invitation_id: str | None = None  # by which they were asked to join
    status: EmployeeStatus
    present: bool = True  # False with REMOVED: the address is free again
    verified_by: str | None = None
    verified_at: datetime | None = None
    verification_note: str = ""
    removed_at: datetime | None = None
    updated_at: datetime
    version: int = 1

    @property
    def starts_on(self) -> date | None:
        return date.fromisoformat(self.start_date) if self.start_date else None

    class Settings:
        name = "employees"
        indexes = [
            IndexModel(
                [("org_id", ASCENDING), ("email", ASCENDING)],
                unique=True,
                partialFilterExpression={"present": True},
                name="org_email",
            ),
            IndexModel([("org_id", ASCENDING), ("manager_id", ASCENDING)], name="org_manager"),
            IndexModel(
                [("org_id", ASCENDING), ("user_id", ASCENDING)],
                unique=True,
                partialFilterExpression={"present": True, "user_id": {"$type": "string"}},
                name="org_present_user",
            ),
            IndexModel([("org_id", ASCENDING), ("status", ASCENDING), ("_id", ASCENDING)], name="org_status"),
            IndexModel([("org_id", ASCENDING), ("name_folded", ASCENDING), ("_id", ASCENDING)], name="org_name"),
            IndexModel([("org_id", ASCENDING), ("first_folded", ASCENDING), ("_id", ASCENDING)], name="org_first_name"),
        ]
