"""What every document shares."""

from datetime import datetime
from typing import Any, ClassVar

from beanie import Document
from beanie.odm.utils.encoder import Encoder
from pydantic import BaseModel, ConfigDict, Field
from pymongo import IndexModel


class BaseDocument(Document):
    """Opaque string `_id`, strict fields. Money inside is Decimal128 through `StoredDecimal`.

    State changes go through compare-and-set queries in the slice's store, never through `save()`: that writes the whole document
    and would undo whatever happened in between.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    id: str = Field(alias="_id")  # type: ignore[assignment]
    created_at: datetime

    TENANT: ClassVar[bool] = True
    """Whether it belongs to one organisation. If so it has `org_id`, and every unique index begins with it."""

    VALIDATOR: ClassVar[dict[str, Any] | None] = None
    """A `$jsonSchema` or `$expr` that the database itself enforces."""

    class Settings:
        keep_nulls = True
        use_state_management = False
        indexes: list[IndexModel] = []


class TenantDocument(BaseDocument):
    org_id: str


class SharedDocument(BaseDocument):
    """Belongs to the installation: facts about a chain, accounts of people, leases. Each such class says why in its docstring."""

    TENANT: ClassVar[bool] = False


def encoded(value: BaseModel) -> dict[str, Any]:
    """As it goes into MongoDB (Decimal128, aware datetimes), for writes that are not a whole document's."""
    result: dict[str, Any] = Encoder(to_db=True).encode(value)
    return result
