"""Values of the slice."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.amounts import StoredDecimal

HISTORY_KEPT = 50
"""Changes of a checkpoint that are kept, latest last."""


class Point(BaseModel):
    """What was compared once: the chain and the books, both after that block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    block_number: int
    chain_raw: str
    ledger_quantity: StoredDecimal
    difference: StoredDecimal
    at: datetime
