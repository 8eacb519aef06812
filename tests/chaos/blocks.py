"""Adds up the blocks of cycles that a folder holds, as `manage.py chaos --of faults --report DIR` writes one for each seed:

    python -m tests.chaos.blocks DIR

Fails when a cycle found something, or a kind of fault befell nobody as often as a night asks for.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.chaos.fault_list import all_faults

LEAST = 20


def added_up(folder: Path) -> dict[str, Any]:
    blocks = [json.loads(path.read_text()) for path in sorted(folder.glob("faults-*.json"))]
    fired: Counter[str] = Counter({fault.name: 0 for fault in all_faults()})
    counted: Counter[str] = Counter()
    for block in blocks:
        fired.update(block["fired"])
        counted.update(block["counted"])
    of_kind: Counter[int] = Counter()
    for fault in all_faults():
        of_kind[fault.number] += fired[fault.name]
    return {
        "seeds": sorted(block["seed"] for block in blocks),
        "cycles": sum(block["runs"] for block in blocks),
        "seconds": sum(block["seconds"] for block in blocks),
        "injections": fired.total(),
        "by_number": dict(sorted(of_kind.items())),
        "fired": dict(sorted(fired.items(), key=lambda pair: pair[1])),
        "seldom": [name for name, count in fired.items() if count < LEAST],
        "counted": dict(counted),
        "took_s": {what: _together([block["took_s"][what] for block in blocks if what in block["took_s"]]) for what in ("API", "payments", "look")},
        "failed": [line for block in blocks for line in block["failed"]],
    }


def _together(of: list[dict[str, float]]) -> dict[str, float]:
    """The worst of the blocks; of the medians the one in the middle."""
    medians = sorted(each["p50"] for each in of)
    return {"p50": medians[len(medians) // 2], "p99": max(each["p99"] for each in of), "max": max(each["max"] for each in of)} if of else {}


def main() -> int:
    total = added_up(Path(sys.argv[1]))
    sys.stdout.write(json.dumps(total, indent=1) + "\n")
    return 1 if total["failed"] or total["seldom"] or not total["cycles"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
