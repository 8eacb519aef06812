from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from crypto_api.classification.types import Category
from crypto_api.http.schemas.base import Choice, Date, Line, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.transactions import AmountBound
from crypto_api.kit.amounts import text
from crypto_api.saved_views.documents import SavedView
from crypto_api.saved_views.types import NAME_MAX
from crypto_api.transactions.types import Direction, MovementKind, Status


class ViewFilters(RequestSchema):
    """As the list of transactions takes them; what is left out does not narrow."""

    network: Word | None = None
    wallet_id: Word | None = None
    asset: Word | None = Field(default=None, examples=["USDC"])
    status: Choice[Status] | None = None
    category: Choice[Category] | None = Field(default=None, examples=["payroll"])
    direction: Choice[Direction] | None = None
    kind: Choice[MovementKind] | None = None
    date_from: Date | None = None
    date_to: Date | None = None
    amount_min: AmountBound | None = Field(default=None, examples=["100"])
    amount_max: AmountBound | None = None
    q: Annotated[Line, StringConstraints(max_length=100)] | None = None

    @model_validator(mode="after")
    def _narrows(self) -> "ViewFilters":
        if not self.model_dump(exclude_none=True):
            raise ValueError("must narrow the list by at least one filter")
        return self

    def stored(self) -> dict[str, str]:
        given = {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        return {name: text(value) if name.startswith("amount") else str(value) for name, value in given.items()}


class SavedViewCreate(RequestSchema):
    name: Annotated[Line, StringConstraints(max_length=NAME_MAX)] = Field(examples=["Payroll in USDC"])
    filters: ViewFilters = Field(examples=[{"category": "payroll", "asset": "USDC"}])


class SavedViewRead(ReadSchema):
    id: str
    name: str = Field(examples=["Payroll in USDC"])
    filters: dict[str, str] = Field(examples=[{"category": "payroll", "asset": "USDC"}], description="As the list takes them in its query.")
    created_at: Time

    @classmethod
    def of(cls, view: SavedView) -> "SavedViewRead":
        return cls(id=view.id, name=view.name, filters=view.filters, created_at=view.created_at)


class SavedViewsRead(ReadSchema):
    items: list[SavedViewRead]
