"""Workers that a test of the API has no need of, as health sees them: each by the lease that it always holds."""

from crypto_api.reports.parts import JOBS_LEASE, RELAY_LEASE
from crypto_api.runtime import Runtime


async def at_work(runtime: Runtime, *networks: str) -> None:
    """For the next six seconds."""
    for name in (RELAY_LEASE, JOBS_LEASE, *(f"follow:{slug}" for slug in networks)):
        assert await runtime.leases.acquire(name, "worker of a test") is not None
