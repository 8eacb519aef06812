"""What goes into MongoDB is what Beanie would write."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

import bson
import pytest
from beanie.odm.utils.encoder import Encoder
from bson import Decimal128
from pydantic import BaseModel, Field, RootModel

from crypto_api.events.documents import Event
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking, Direction, Finality, Inclusion, Movement, MovementKind
from mongodb_config.base_document import encoded

NOW = datetime(2026, 11, 29, 12, 30, 15, 250_000, UTC)


class Colour(StrEnum):
    RED = "red"


class Number(Enum):
    ONE = 1


class Words(RootModel[list[str]]):
    pass


class Inner(BaseModel):
    amount: Decimal | None
    colour: Colour = Colour.RED


class Outer(BaseModel):
    id: str = Field(alias="_id")
    secret: str = Field(default="hidden", exclude=True)
    inner: Inner
    many: list[Inner] = []
    pair: tuple[int, str] = (1, "one")
    by_name: dict[str, Inner] = {}
    by_number: dict[int, Any] = {}
    unique: set[str] = set()
    number: Number = Number.ONE
    words: Words = Words([])
    day: date | None = None
    raw: bytes = b""
    uuid: UUID | None = None
    share: float = 0.5
    whether: bool = True
    nothing: None = None


def movement() -> Movement:
    return Movement(
        key="log:7", kind=MovementKind.ERC20, asset="USDC", contract="0xA", symbol="USDC", decimals=6, raw_amount="1250000", amount=Decimal("1.25"),
        direction=Direction.IN, wallet_id="wal_1", from_address="0xB", to_address="0xC", log_index=7, price_at=NOW,
    )  # fmt: skip


def transaction() -> Transaction:
    return Transaction(
        id="org:eip155:1:0x1", created_at=NOW, org_id="org", network="mainnet", chain_id=1, hash="0x1", block_number=2**40, block_hash="0x2", index=3,
        timestamp=NOW, stored_at=NOW, succeeded=True, finality=Finality.CONFIRMED, booking=Booking.DUE, from_address="0xB", to_address=None,
        past_inclusions=[Inclusion(block_number=1, block_hash="0x3", orphaned_at=NOW)], movements=[movement()], wallet_ids=["wal_1"], assets=["USDC"],
    )  # fmt: skip


EVERYTHING = Outer(
    _id="id", inner=Inner(amount=None), many=[Inner(amount=Decimal("1E-18"))], by_name={"a": Inner(amount=Decimal(7))},
    by_number={3: [NOW, {"x": {1, 2}}]}, unique={"only"}, words=Words(["a", "b"]), day=date(2026, 1, 2), raw=b"\x00", uuid=UUID(int=7),
)  # fmt: skip


@pytest.mark.parametrize("value", [EVERYTHING, movement()], ids=["everything", "movement"])
def test_a_model_is_written_as_beanie_writes_it(value: BaseModel) -> None:
    ours, theirs = encoded(value), Encoder(to_db=True).encode(value)
    assert list(ours) == list(theirs), "the order of fields counts where an embedded document is compared"
    assert ours == theirs


@pytest.mark.usefixtures("runtime")
async def test_a_document_is_written_as_beanie_writes_it() -> None:
    event = Event(id="evt_1", created_at=NOW, org_id="org", kind="a.b", permission="p", data={"deep": {"list": [1, None, "x"]}})
    for document in (transaction(), event):
        ours, theirs = encoded(document), Encoder(to_db=True).encode(document)
        assert list(ours) == list(theirs)
        assert bson.encode(ours) == bson.encode(theirs)
    assert encoded(transaction())["movements"][0]["amount"] == Decimal128("1.25")


def test_what_cannot_be_stored_is_refused() -> None:
    with pytest.raises(ValueError, match="Cannot encode"):
        encoded(Inner.model_construct(amount=object()))  # type: ignore[arg-type]
