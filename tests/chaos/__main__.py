"""`manage.py chaos`, or `python -m tests.chaos`: real processes, servers and chains, and everything that happens to them; counted afterwards by what
shares nothing with the product.

--of WHAT      crashes: followers, payment workers and signers killed at each of their named steps, with payments in flight and reorganisations
               providers: following through providers that lag, lie, throttle, stall and drop
               payrolls: of many people, whose worker is killed at each of its named steps (not one of the three that run by themselves)
               receipts: money for invoices, matched by a process that is killed before and after it commits (nor is this one)
               sockets: consoles whose API and relay are killed while events flow (nor this one)
               reorganisations: of each depth that is undone by itself, and one that is deeper
               faults: one installation behind a proxy, swarms of all kinds of faults, and every promise looked at after each (`faults.py`)
               (all four; may be given more than once)
--runs N       of each (204: each named step six times; of reorganisations one for each depth, 64 at most)
--seed S       the first seed (1). The same seed has the same plan
--people P     of a payroll (200)
--clients C    of sockets (500)
--kills K      of sockets: how often the API and how often the relay (20)
--cycles C     of faults (100): a block, in one installation; the next block is the next seed
--minutes M    of faults: no cycle begins after so many
--kinds K      of faults: clock, memory, index, or some of them with commas between. Three of four faults are of these then
--lanes L      of crashes: that many sets of servers and processes beside one another (2)
--report DIR   the figures of each, as JSON, and the logs of what went wrong
"""

import argparse
import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from crypto_api.kit import log
from tests.chaos import crashes, faults, payrolls, provider_faults, receipts, reorganisations, sockets
from tests.chaos.machine_faults import KINDS
from tests.chaos.report import tell

PROGRAMMES = ("crashes", "providers", "reorganisations", "faults")
OF_THEIR_OWN = ("payrolls", "receipts", "sockets")
RUNS = 6 * len(crashes.STEPS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="manage.py chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=(*PROGRAMMES, *OF_THEIR_OWN), action="append")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=payrolls.PEOPLE)
    parser.add_argument("--clients", type=int, default=sockets.CLIENTS)
    parser.add_argument("--kills", type=int, default=sockets.KILLS)
    parser.add_argument("--cycles", type=int, default=faults.CYCLES)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--kinds", type=_kinds, default=())
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    return max([asyncio.run(_programme(name, options)) for name in options.of or PROGRAMMES])


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(KINDS)}")
    return kinds


async def _programme(name: str, options: argparse.Namespace) -> int:
    seeds: Sequence[int] = range(options.seed, options.seed + options.runs)
    match name:
        case "crashes":
            planned, outcomes = crashes.planned(seeds), crashes.crash_runs(seeds, options.lanes, options.report)
        case "payrolls":
            log.configure(options.report or Path(tempfile.mkdtemp(prefix="chaos-log-")), process="supervisor")
            planned, outcomes = payrolls.planned(seeds, options.people), payrolls.payroll_runs(seeds, options.people, options.report)
        case "receipts":
            planned, outcomes = receipts.planned(seeds), receipts.receipt_runs(seeds)
        case "sockets":
            log.configure(options.report or Path(tempfile.mkdtemp(prefix="chaos-log-")), process="supervisor")
            seeds = seeds if options.runs < RUNS else seeds[:1]
            planned, outcomes = sockets.planned(seeds, options.kills), sockets.socket_runs(seeds, options.clients, options.kills, options.report)
        case "faults":
            log.configure(Path(tempfile.mkdtemp(prefix="chaos-log-")), process="supervisor")
            planned = faults.planned(options.seed, options.cycles, options.kinds)
            outcomes = faults.fault_cycles(options.seed, options.cycles, minutes=options.minutes, logs=options.report, kinds=options.kinds)
        case "providers":
            every = [*provider_faults.SEEN_AT_ONCE, *provider_faults.LINE] if options.runs >= RUNS else []
            planned, outcomes = Counter(dict.fromkeys((fault.name for fault in every), 1)), provider_faults.swarms(seeds)
        case _:
            depths = range(1, min(options.runs, reorganisations.DEPTH_MAX) + 1)
            planned, outcomes = Counter(), reorganisations.reorganisations(depths, options.seed)
    if options.report is not None:
        options.report.mkdir(parents=True, exist_ok=True)
    file = f"{name}-{options.seed}.json" if name == "faults" else f"{name}.json"  # blocks stand beside one another: `blocks.py` adds them up
    report = await tell(name, options.seed, planned, outcomes, options.report and options.report / file, demanding=name != "faults")
    return report.code


if __name__ == "__main__":
    raise SystemExit(main())
