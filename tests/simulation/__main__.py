"""`python -m tests.simulation`, or `manage.py simulate`: many schedules, and what they found.

--of WHAT       payments, following, events, webhooks, sessions, tasks or payroll (all)
--schedules N   how many of each (20,000)
--seed S        where the seeds begin (0)
--trace         prints the trace of the first one
--first         ends at the first violation
--jobs N        processes beside each other (all cores)
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from os import cpu_count
from typing import Protocol

from tests.simulation import events, following, payments, payroll, sessions, tasks, webhooks
from tests.simulation.payments import Violation

BATCH = 200


def main() -> int:
    parser = argparse.ArgumentParser(prog="manage.py simulate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=sorted(KINDS), action="append")
    parser.add_argument("--schedules", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--first", action="store_true")
    parser.add_argument("--jobs", type=int, default=cpu_count() or 1)
    options = parser.parse_args()
    kinds = options.of or sorted(KINDS)
    if options.trace:
        return _trace(kinds[0], options.seed)
    seeds = range(options.seed, options.seed + options.schedules)
    return max(_many(kind, seeds, options.jobs, first=options.first) for kind in kinds)


def _following(seed: int) -> following.Schedule:
    return following.Schedule(seed, too_deep=seed % 20 == 19)


class Schedule(Protocol):
    trace: list[str]

    def run(self) -> None:
        """Violation."""


KINDS: dict[str, Callable[[int], Schedule]] = {
    "payments": payments.Schedule,
    "following": _following,
    "events": events.Schedule,
    "webhooks": webhooks.Schedule,
    "sessions": sessions.Schedule,
    "tasks": tasks.Schedule,
    "payroll": payroll.Schedule,
}


def _trace(kind: str, seed: int) -> int:
    schedule = KINDS[kind](seed)
    try:
        schedule.run()
    finally:
        print(*schedule.trace, sep="\n")
    return 0


def _many(kind: str, seeds: range, jobs: int, *, first: bool) -> int:
    began = time.monotonic()
    batches = [(kind, seeds[start : start + BATCH], first) for start in range(0, len(seeds), BATCH)]
    ends: Counter[str] = Counter()
    violations: list[str] = []
    with ProcessPoolExecutor(jobs) as pool:
        for found, counted in pool.map(_batch, batches):
            violations += found
            ends += counted
            if first and violations:
                pool.shutdown(cancel_futures=True)
                break
    seconds = time.monotonic() - began
    done = f"{kind}: {len(seeds)} schedules in {seconds:.1f} s ({len(seeds) / seconds:.0f} a second), {len(violations)} violations"
    print(f"{kind}: ended at the first violation, after {seconds:.1f} s" if first and violations else done)
    if ends:
        print("  payments ended:", ", ".join(f"{name} {count}" for name, count in sorted(ends.items())))
    print(*(f"  {violation}" for violation in violations[:20]), sep="\n", end="")
    return 1 if violations else 0


def _batch(asked: tuple[str, range, bool]) -> tuple[list[str], Counter[str]]:
    kind, seeds, first = asked
    violations: list[str] = []
    ends: Counter[str] = Counter()
    for seed in seeds:
        schedule = KINDS[kind](seed)
        try:
            schedule.run()
        except Violation as found:
            violations.append(str(found))
            if first:
                break
        if isinstance(schedule, payments.Schedule):
            ends.update(payment.state.value for payment in schedule.tables.payments.values())
    return violations, ends


if __name__ == "__main__":
    raise SystemExit(main())
