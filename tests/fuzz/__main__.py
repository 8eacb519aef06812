"""`manage.py fuzz`, or `python -m tests.fuzz`: bad input to a real API process, on servers of its own, and what it did to it.

--of WHAT         http: every operation as every role, by schemathesis; sockets: frames that no library would send (both; may be given twice)
--cases N         of http: made up for each operation in each phase (20)
--phases P        of http: some of examples,coverage,fuzzing,stateful (all)
--role R          of http: only as this role; may be given more than once
--operation NAME  of http: only this one, by its id; may be given more than once
--frames N        of sockets: at least so many (100000)
--lanes L         of sockets: attackers at a time (8)
--seed S          (1)
--report DIR      the figures of each, as JSON, with the logs of the process and what schemathesis said

Ends with 1 where something was found.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

import tests.conftest  # noqa: F401  settings of the tests, before anything of the product is imported
from tests.fuzz.operations import PHASES, ROLES, Plan, fuzz_operations
from tests.fuzz.report import tell
from tests.fuzz.sockets import fuzz_sockets
from tests.fuzz.stage import open_stage

PROGRAMMES = ("http", "sockets")


def main() -> int:
    parser = argparse.ArgumentParser(prog="manage.py fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=PROGRAMMES, action="append")
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--phases", default=PHASES)
    parser.add_argument("--role", choices=ROLES, action="append")
    parser.add_argument("--operation", action="append")
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    return max([asyncio.run(_programme(name, options)) for name in options.of or PROGRAMMES])


async def _programme(name: str, options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="coffer-fuzz-") as made:
        folder = options.report / name if options.report is not None else Path(made)
        file = options.report / f"{name}.json" if options.report is not None else None
        async with open_stage(folder) as stage:
            if name == "http":
                plan = Plan(options.cases, options.seed, tuple(options.role or ROLES), tuple(options.operation or ()), options.phases)
                return tell(await fuzz_operations(stage, plan, folder), file)
            return tell(await fuzz_sockets(stage, frames=options.frames, seed=options.seed, lanes=options.lanes), file)


if __name__ == "__main__":
    raise SystemExit(main())
