"""`python -m tests.simulation`, or `manage.py simulate`: many schedules, and what they found.

--schedules N   how many (20,000)
--seed S        where the seeds begin (0)
--trace         prints the trace of the first one
--jobs N        processes beside each other (all cores)
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from os import cpu_count

from tests.simulation.payments import Schedule, Violation

BATCH = 200


def main() -> int:
    parser = argparse.ArgumentParser(prog="manage.py simulate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--jobs", type=int, default=cpu_count() or 1)
    options = parser.parse_args()
    if options.trace:
        schedule = Schedule(options.seed)
        try:
            schedule.run()
        finally:
            print(*schedule.trace, sep="\n")
        return 0
    return _many(range(options.seed, options.seed + options.schedules), options.jobs)


def _many(seeds: range, jobs: int) -> int:
    began = time.monotonic()
    batches = [seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH)]
    with ProcessPoolExecutor(jobs) as pool:
        results = list(pool.map(_batch, batches))
    violations = [text for found, _ in results for text in found]
    ends: dict[str, int] = {}
    for _, counted in results:
        for name, count in counted.items():
            ends[name] = ends.get(name, 0) + count
    seconds = time.monotonic() - began
    print(f"{len(seeds)} schedules in {seconds:.1f} s ({len(seeds) / seconds:.0f} a second), {len(violations)} violations")
    print("payments ended:", ", ".join(f"{name} {count}" for name, count in sorted(ends.items())))
    print(*violations[:20], sep="\n")
    return 1 if violations else 0


def _batch(seeds: range) -> tuple[list[str], dict[str, int]]:
    violations: list[str] = []
    ends: dict[str, int] = {}
    for seed in seeds:
        schedule = Schedule(seed)
        try:
            schedule.run()
        except Violation as found:
            violations.append(str(found))
        for payment in schedule.tables.payments.values():
            ends[payment.state.value] = ends.get(payment.state.value, 0) + 1
    return violations, ends


if __name__ == "__main__":
    raise SystemExit(main())
