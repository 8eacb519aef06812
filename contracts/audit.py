"""Slither over these contracts. Run by `.ci/audit-contracts` in an environment of its own: Slither is under the AGPL and wants an older web3.

    audit.py STANDARD_JSON SOLC

Prints each finding; ends with 1 where one is High or Medium.
"""

import inspect
import json
import sys
from pathlib import Path

from crytic_compile import CryticCompile
from crytic_compile.platform.solc_standard_json import SolcStandardJson
from slither import Slither
from slither.detectors import all_detectors
from slither.detectors.abstract_detector import AbstractDetector

STOPS = ("High", "Medium")


def main(given: str, solc: str) -> int:
    slither = Slither(CryticCompile(SolcStandardJson(json.loads(Path(given).read_text())), solc=solc))
    detectors = [found for _, found in inspect.getmembers(all_detectors, inspect.isclass) if issubclass(found, AbstractDetector)]
    for detector in detectors:
        slither.register_detector(detector)
    findings = [row for rows in slither.run_detectors() for row in rows or []]
    for row in sorted(findings, key=lambda row: (row["impact"], row["check"])):
        print(f"{row['impact']} ({row['confidence']} confidence) {row['check']}: {row['description'].strip()}\n")
    stops = [row for row in findings if row["impact"] in STOPS]
    print(f"{len(detectors)} detectors, {len(slither.contracts)} contracts: {len(findings)} findings, {len(stops)} of them High or Medium.")
    return 1 if stops or not slither.contracts else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
