"""What other benchmarks measure, called with the sizes of this one."""

import asyncio
import resource
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import chain, fan_out, payroll

ONE_IN = 100  # transfers, one of which concerns somebody


async def measure_payroll(people: int) -> dict[str, Any]:
    """`python -m benchmarks.payroll`, without its payslips."""
    return await payroll.paid(people, alone=False)


async def measure_catch_up(blocks: int, transfers: int, watching: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """`python -m benchmarks.chain`, of full blocks and of blocks in which nothing happens."""
    return await chain.catch_up(blocks, transfers, watching, ONE_IN), await chain.catch_up(blocks, 0, watching, ONE_IN)


async def measure_consoles(consoles: int, rounds: int) -> tuple[list[fan_out.Measured], str]:
    """`python -m benchmarks.fan_out`, without its floors: an event to all of them, and all back at once after a kill."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the servers inherit it
    with tempfile.TemporaryDirectory(prefix="load-consoles-") as name:
        return await fan_out.measured_product(consoles, rounds, await asyncio.to_thread(Path, name))
