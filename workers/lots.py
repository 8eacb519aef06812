"""The books of all organisations follow their lots: compared where anything happened."""

import asyncio

from crypto_api.events import store as events
from crypto_api.flows.settle_lots import NotSettled, settle_lots
from crypto_api.kit import log
from crypto_api.runtime import Runtime
from workers.lane import Lane
from workers.leading import while_leading

LEASE = "lots"
SWEEP_S = 2.0
_logger = log.get(__name__)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("lots", lambda: while_leading(runtime, LEASE, keep_settling(runtime)))]


async def keep_settling(runtime: Runtime) -> None:
    seen: dict[str, int] = {}
    while True:
        for org_id, head in (await events.all_heads()).items():
            if seen.get(org_id) != head and await _settle(runtime, org_id):
                seen[org_id] = head
        await asyncio.sleep(SWEEP_S)


async def _settle(runtime: Runtime, org_id: str) -> bool:
    """False: it is to be looked at again soon, though nothing happens."""
    try:
        posted = await settle_lots(runtime.uow, runtime.clock, org_id)
    except NotSettled:
        _logger.info("lots_not_settled", org_id=org_id)
        return False
    except Exception:
        # One organisation's books must not hold up every other's: it is looked at again with its next event, and loud.
        _logger.exception("settling lots failed", org_id=org_id)
        return True
    if posted:
        _logger.info("lots_settled", org_id=org_id, corrections=posted)
    return True
