"""The relay numbers events and rings the doorbell; beside it the audit log and the journal are sealed. One leased lane each."""

import asyncio

from crypto_api.flows.relay_events import relay_pass
from crypto_api.flows.seal_audit_log import seal_pass
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.runtime import Runtime
from workers.lane import Lane
from workers.leading import while_leading

LEASE = "relay"
IDLE_S = 0.05  # one look at a partial index that is empty when idle
SEALING_LEASE = "audit-seals"
SEALING_IDLE_S = 1.0
ENTRIES_LEASE = "entry-seals"


def lanes(runtime: Runtime) -> list[Lane]:
    return [
        Lane("relay", lambda: relay(runtime)),
        Lane("audit seals", lambda: seal_audit_log(runtime)),
        Lane("entry seals", lambda: seal_journal(runtime)),
    ]


async def relay(runtime: Runtime) -> None:
    """Holds the lease and relays; returns when the lease is lost."""
    await while_leading(runtime, LEASE, _passes(runtime))


async def seal_audit_log(runtime: Runtime) -> None:
    """Holds the lease and seals; returns when the lease is lost."""
    await while_leading(runtime, SEALING_LEASE, _sealing(runtime))


async def seal_journal(runtime: Runtime) -> None:
    """Holds the lease and seals; returns when the lease is lost."""
    await while_leading(runtime, ENTRIES_LEASE, _sealing_entries(runtime))


async def _passes(runtime: Runtime) -> None:
    while True:
        if not await relay_pass(runtime.uow, runtime.clock, runtime.frames):
            await asyncio.sleep(IDLE_S)


async def _sealing(runtime: Runtime) -> None:
    while True:
        if not await seal_pass(runtime.uow, runtime.clock):
            await asyncio.sleep(SEALING_IDLE_S)


async def _sealing_entries(runtime: Runtime) -> None:
    while True:
        if not await seal_entries(runtime.uow, runtime.clock):
            await asyncio.sleep(SEALING_IDLE_S)
