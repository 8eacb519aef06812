"""The lane of a sender's nonces, in the database: it belongs to the latest hand, whatever an earlier one still believes."""

from datetime import UTC, datetime

from crypto_api.payments import store
from crypto_api.payments.documents import SenderLane
from crypto_api.runtime import Runtime

CHAIN_ID, SENDER = 1, "0x71C7656EC7ab88b098defB751B7401B5f6d8976F"
NOW = datetime(2026, 11, 30, tzinfo=UTC)


async def test_a_later_hand_has_the_lane_and_an_earlier_one_changes_nothing(runtime: Runtime) -> None:
    """A worker that slept past its lease wakes up with its old fence."""

    async def held(fence: int) -> SenderLane | None:
        return await runtime.uow.run(lambda session: store.hold_lane(session, CHAIN_ID, SENDER, fence, NOW))

    first = await held(3)
    assert first is not None and (first.fence, first.handed) == (3, 1)
    again = await held(3)  # of the same hand, any number of times
    assert again is not None and (again.fence, again.handed) == (3, 2)
    later = await held(4)
    assert later is not None and (later.fence, later.handed) == (4, 3)
    assert await held(3) is None
    assert await store.lane(CHAIN_ID, SENDER) == later
