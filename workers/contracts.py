"""Actors of the registry of contracts."""

import asyncio
from datetime import timedelta

from crypto_api.contracts import store
from crypto_api.contracts.jobs import VerifyContract
from crypto_api.contracts.types import VerificationState
from crypto_api.flows.verify_contract import ABANDONED_AFTER, end_abandoned, run_verification
from crypto_api.kit import log
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.runtime import Runtime
from workers.actor import Actor
from workers.lane import Lane

SWEEP_S = 15.0
_LATE = timedelta(seconds=20)  # by then the job would have begun
_BATCH = 20
_logger = log.get(__name__)


async def _verify(runtime: Runtime, job: VerifyContract) -> None:
    await run_verification(runtime.uow, runtime.clock, runtime.compiler, runtime.rpc, job.org_id, job.verification_id)


async def sweep(runtime: Runtime) -> None:
    """Verifications whose job was lost, and those whose worker died."""
    while True:
        now = runtime.clock.now()
        for row in await store.unfinished_before(now - _LATE, _BATCH):
            if row.state is VerificationState.PENDING:
                try:
                    await _verify(runtime, VerifyContract(org_id=row.org_id, verification_id=row.id))
                except ChainUnavailable as error:
                    _logger.warning("verification_waits", verification=row.id, reason=error.detail)
            elif row.started_at is not None and row.started_at < now - ABANDONED_AFTER:
                await end_abandoned(runtime.uow, runtime.clock, row)
        await asyncio.sleep(SWEEP_S)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("contract_verifications", lambda: sweep(runtime))]


ACTORS = [Actor(VerifyContract, _verify, "Verifying a contract")]
