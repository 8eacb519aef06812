"""What other benchmarks measure, called with the sizes of this one."""

import resource
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import chain, fan_out, payroll
from benchmarks.load.stalls import Stall, stalls_in
from crypto_api.kit import collector, loop_watch

LOG = "crypto_accounting.log"
ONE_IN = 100  # transfers, one of which concerns somebody
NOT_THE_FOLLOWER = ("raw_client", "crypto_project/embedded/")  # on the same loop: what it is compared with, and the start of the servers


async def measure_payroll(people: int) -> tuple[dict[str, Any], list[Stall]]:
    """`python -m benchmarks.payroll`, without its payslips."""
    stalls: list[Stall] = []
    return await payroll.paid(people, alone=False, at_the_end=lambda house: stalls.extend(stalls_in(house.logs / LOG))), stalls


async def measure_catch_up(blocks: int, transfers: int, watching: int) -> tuple[dict[str, Any], dict[str, Any], list[Stall]]:
    """`python -m benchmarks.chain`, of full blocks and of blocks in which nothing happens. In this process, as the follower does it."""
    found: list[loop_watch.Stall] = []
    collector.settle()  # as every worker does when it has loaded what it needs
    async with loop_watch.loop_watched(found.append):
        full, empty = await chain.catch_up(blocks, transfers, watching, ONE_IN), await chain.catch_up(blocks, 0, watching, ONE_IN)
    stalls = [Stall("follower", round(s.took_s * 1000), round(s.computed_s * 1000), s.cause.value, s.ours, tuple(s.where)) for s in found]
    return full, empty, [stall for stall in stalls if not any(other in place for place in stall.where for other in NOT_THE_FOLLOWER)]


async def measure_consoles(consoles: int, rounds: int) -> tuple[list[fan_out.Measured], str, list[Stall]]:
    """`python -m benchmarks.fan_out`, without its floors: an event to all of them, and all back at once after a kill."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the servers inherit it
    with tempfile.TemporaryDirectory(prefix="load-consoles-") as name:
        measured, back = await fan_out.measured_product(consoles, rounds, Path(name))
        return measured, back, stalls_in(Path(name, "logs", LOG))
