from typing import Any

from pydantic import Field, model_validator

from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import NewPayee, PayeeState
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Line, Prose, ReadSchema, RequestSchema, Time, Word

_ADDRESS = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
_NETWORK = "The slug of a network; null: on every network."
_CONFIRM = "That the address is right although it begins and ends like a known one."


class PayeeCreate(RequestSchema):
    name: Line = Field(examples=["Analytical Engines Ltd"])
    address: Word = Field(examples=[_ADDRESS], description="With its EIP-55 capitals, where they are known.")
    network: Word | None = Field(default=None, examples=["ethereum"], description=_NETWORK)
    note: Prose = Field(default="", examples=["Told by Charles on the phone."])
    confirm_look_alike: bool = Field(default=False, description=_CONFIRM)

    def new(self) -> NewPayee:
        return NewPayee(self.name, self.address, self.network, self.note)


class PayeeUpdate(RequestSchema):
    """What is left out stays as it is. With another address or network it is unverified again."""

    name: Line | None = Field(default=None, examples=["Analytical Engines Ltd"])
    address: Word | None = Field(default=None, examples=[_ADDRESS])
    network: Word | None = Field(default=None, examples=["ethereum"], description=_NETWORK)
    note: Prose | None = None
    confirm_look_alike: bool = Field(default=False, description=_CONFIRM)

    @model_validator(mode="after")
    def _present(self) -> "PayeeUpdate":
        if any(name in self.model_fields_set and getattr(self, name) is None for name in ("name", "address", "note")):
            raise ValueError("name, address and note cannot be null")
        return self

    def fields(self) -> dict[str, Any]:
        """Those that were sent."""
        return {name: getattr(self, name) for name in self.model_fields_set - {"confirm_look_alike"}}


class PayeeVerify(RequestSchema):
    address: Word = Field(examples=[_ADDRESS], description="The address that was compared with what the payee says: it must be the entry's.")


class PayeeQuery(PageQuery):
    state: PayeeState | None = Field(default=None, description="Removed ones are listed only when asked for.")
    network: Word | None = Field(default=None, description="Also those that are on every network.")
    q: Word | None = Field(default=None, description="Part of the name, the address or the note.")


class PayeeRead(ReadSchema):
    id: str = Field(examples=["pye_01k9x5r3v8"])
    name: str = Field(examples=["Analytical Engines Ltd"])
    address: str = Field(examples=[_ADDRESS])
    network: str | None = Field(examples=["ethereum"], description=_NETWORK)
    note: str
    state: PayeeState
    warnings: list[str] = Field(description="Found when the address was written down.")
    created_by: str = Field(examples=["usr_01k9x5r3v8"])
    address_changed_by: str = Field(examples=["usr_01k9x5r3v8"], description="Who wrote down the address: anybody else may verify it.")
    address_changed_at: Time
    verified_by: str | None
    verified_at: Time | None
    verified_name: str | None = Field(description="What it was called when it was verified.")
    payable_from: Time | None = Field(description="The end of its cooling-off, once it is verified.")
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, payee: Payee) -> "PayeeRead":
        return cls(**{name: getattr(payee, name) for name in cls.model_fields})
