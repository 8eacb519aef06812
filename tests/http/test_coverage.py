"""What of a network was processed, over HTTP."""

from datetime import UTC, datetime

from crypto_api.chains.documents import ChainCursor
from crypto_api.chains.types import BlockRange
from tests.http.conftest import Join

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


async def test_coverage_and_states_are_told(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    (network,) = (await ada.http.get("/api/blockchain/networks/")).json()["items"]
    assert (network["coverage"], network["finalized"], network["finality"]) == (None, None, "depth")
    gaps = [BlockRange(first=1_001, last=1_010)]
    heights = {"height": 1_200, "head": 1_203, "confirmed": 1_188, "safe": 1_195, "first_height": 1_000}
    await ChainCursor(id="testnet", created_at=AT, processed_at=AT, chain_id=31337, hash="0x1", gaps=gaps, **heights).insert()
    (network,) = (await ada.http.get("/api/blockchain/networks/")).json()["items"]
    assert network["coverage"] == {"from": 1_001, "to": 1_200, "gaps": [{"first": 1_001, "last": 1_010}]}
    assert (network["safe"], network["finalized"], network["lag_blocks"]) == (1_195, 1_188, 3)
