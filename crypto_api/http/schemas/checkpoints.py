from pydantic import Field

from crypto_api.checkpoints.documents import Checkpoint
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import ReadSchema, Time
from crypto_api.kit.amounts import SignedMoney


class CheckpointQuery(PageQuery):
    pass


class PointRead(ReadSchema):
    block_number: int = Field(examples=[21_000_000])
    chain_raw: str = Field(examples=["250000000000000000"])
    ledger_quantity: SignedMoney = Field(examples=["0.25"])
    difference: SignedMoney = Field(examples=["0"])
    at: Time


class CheckpointRead(ReadSchema):
    asset: str = Field(examples=["ETH"])
    contract: str | None
    decimals: int = Field(examples=[18])
    block_number: int = Field(examples=[21_000_000], description="Chain and books are those after this block.")
    block_hash: str
    chain_raw: str = Field(examples=["250000000000000000"], description="Base units on the chain.")
    ledger_quantity: SignedMoney = Field(examples=["0.25"], description="Whole units in the books.")
    difference: SignedMoney = Field(examples=["0"], description="Chain less books, in whole units.")
    agrees: bool
    agreed_at_block: int | None = Field(description="The last block at which they were equal.")
    at: Time
    history: list[PointRead] = Field(description="What earlier comparisons said, each time that they said something else; oldest first.")

    @classmethod
    def of(cls, row: Checkpoint) -> "CheckpointRead":
        return cls(
            asset=row.asset,
            contract=row.contract,
            decimals=row.decimals,
            block_number=row.block_number,
            block_hash=row.block_hash,
            chain_raw=row.chain_raw,
            ledger_quantity=row.ledger_quantity,
            difference=row.difference,
            agrees=row.agrees,
            agreed_at_block=row.agreed_at_block,
            at=row.at,
            history=[PointRead(**point.model_dump()) for point in row.history],
        )
