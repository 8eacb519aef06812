from typing import Annotated

from pydantic import Field, StringConstraints

from crypto_api.flows.import_chart import ChartImported
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Choice, Line, QueryFlag, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.transactions import ImportErrorRead
from crypto_api.ledger.documents import Account
from crypto_api.ledger.types import AccountType

AccountCode = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{0,19}$")]


class AccountCreate(RequestSchema):
    code: AccountCode = Field(examples=["4500"])
    name: Line = Field(examples=["Grants"])
    account_type: Choice[AccountType] = Field(examples=["income"])
    parent_code: AccountCode | None = Field(default=None, examples=["4000"], description="An account of the same type.")


class AccountUpdate(RequestSchema):
    """What is left out stays as it is. Code and type never change: entries rest on them."""

    name: Line | None = Field(default=None, examples=["Public grants"])
    parent_code: AccountCode | None = Field(default=None, examples=["4000"])
    active: bool | None = Field(default=None, description="Nothing is booked on an inactive account.")


class AccountQuery(PageQuery):
    account_type: AccountType | None = None
    active: QueryFlag | None = None
    q: Word | None = Field(default=None, description="Part of the code or of the name.")


class AccountRead(ReadSchema):
    id: str
    code: str = Field(examples=["4500"])
    name: str = Field(examples=["Grants"])
    account_type: AccountType
    parent_code: str | None
    active: bool
    created_at: Time

    @classmethod
    def of(cls, row: Account) -> "AccountRead":
        return cls(
            id=row.id,
            code=row.code,
            name=row.name,
            account_type=row.account_type,
            parent_code=row.parent_code,
            active=row.active,
            created_at=row.created_at,
        )


class ChartImportRead(ReadSchema):
    rows: int = Field(description="Rows that could be read.")
    new: int = Field(description="Accounts that are added by this, or would be.")
    changed: int = Field(description="Accounts that are renamed, moved, deactivated or reactivated by this, or would be.")
    errors: list[ImportErrorRead]

    @classmethod
    def of(cls, found: ChartImported) -> "ChartImportRead":
        errors = [ImportErrorRead(row=error.row, column=error.column, message=error.message) for error in found.errors[:500]]
        return cls(rows=found.rows, new=found.new, changed=found.changed, errors=errors)
