"""What every document shares."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, ClassVar, Self

from beanie import Document
from beanie.odm.utils.encoder import Encoder
from bson import Decimal128
from pydantic import BaseModel, ConfigDict, Field, RootModel
from pymongo import IndexModel

_AS_THEY_ARE = frozenset({str, int, bool, float, type(None), datetime, Decimal128})


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

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Beanie would name every field in every query, so that the server builds each row anew; asked for none, it sends each as it lies."""
        super().__pydantic_init_subclass__(**options)
        cls.Settings.projection = None  # type: ignore[attr-defined]

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """As it was stored. What a newer version has added to a row is no concern of this one: while an installation is updated both read it."""
        if type(obj) is dict and not obj.keys() <= (known := _known_names(cls)):  # type: ignore[arg-type]
            obj = {name: value for name, value in obj.items() if name in known}
        return super().model_validate(obj, **options)  # type: ignore[no-any-return]


class TenantDocument(BaseDocument):
    org_id: str


class SharedDocument(BaseDocument):
    """Belongs to the installation: facts about a chain, accounts of people, leases. Each such class says why in its docstring."""

    TENANT: ClassVar[bool] = False


def encoded(value: BaseModel) -> dict[str, Any]:
    """As it goes into MongoDB (Decimal128, aware datetimes), for writes that are not a whole document's. What Beanie's encoder makes of it, six times
    as fast: it asks of each value anew what it is."""
    names = _stored_names(type(value))
    return {names[name]: _encoded(part) for name, part in value.__dict__.items() if name in names}


@cache
def _known_names(kind: type[BaseModel]) -> frozenset[str]:
    return frozenset({*kind.model_fields, *(field.alias for field in kind.model_fields.values() if field.alias)})


@cache
def _stored_names(kind: type[BaseModel]) -> dict[str, str]:
    return {name: field.alias or name for name, field in kind.model_fields.items() if not field.exclude}


def _encoded(value: Any) -> Any:
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is list or kind is tuple:
        return [_encoded(part) for part in value]
    if kind is dict:
        return {str(key): _encoded(part) for key, part in value.items()}
    if kind is Decimal:
        return Decimal128(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel) and not isinstance(value, RootModel):
        return encoded(value)
    return Encoder(to_db=True).encode(value)
