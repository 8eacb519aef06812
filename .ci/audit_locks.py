"""Known faults of what the locks name. 1 where something was found, or less was audited than is locked; 3, and "not audited", where the advisories
are out of reach: never "0 found"."""

import json
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from crypto_project.npm import ROOT, find_node

LOCKS = tuple(f"requirements{name}.lock" for name in ("", "-dev", "-bootstrap", "-slither", "-clients", "-security"))
NPM_LOCKS = (".", "client_tools")
NOT_AUDITED = 3
WAIT_S = 90  # for the advisories of one lock


Told = tuple[int, int, list[str]]
"""How many are locked, how many were audited, what was found."""


def python(pip_audit: str, lock: str) -> Told:
    locked = len(set(re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / lock).read_text(), re.MULTILINE)))
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [pip_audit, "-r", ROOT / lock, "--no-deps", "--disable-pip", "-f", "json", "-o", report.name]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(command, check=False, capture_output=True, timeout=WAIT_S)
        text = Path(report.name).read_text()
    rows = json.loads(text)["dependencies"] if text else []
    found = [f"{row['name']} {row['version']}: {fault['id']}" for row in rows for fault in row.get("vulns", [])]
    return locked, sum("skip_reason" not in row for row in rows), found


def npm(folder: str) -> Told:
    locked = sum(1 for name in json.loads((ROOT / folder / "package-lock.json").read_text())["packages"] if name)
    node, command = find_node(), ["audit", "--json", "--package-lock-only"]
    try:
        done = subprocess.run([node.node, node.npm_cli, *command], check=False, cwd=ROOT / folder, capture_output=True, text=True, timeout=WAIT_S)
    except subprocess.TimeoutExpired:
        return locked, 0, []
    answer = json.loads(done.stdout or "{}")
    if "vulnerabilities" not in answer:
        return locked, 0, []
    return locked, int(answer["metadata"]["dependencies"]["total"]), [f"{name}: {row['severity']}" for name, row in answer["vulnerabilities"].items()]


def words(locked: int, audited: int, found: list[str]) -> str:
    said = f"found: {', '.join(found)}" if found else "nothing found" if audited >= locked else "NOT AUDITED"
    return f"{locked} locked, {audited} audited, {said}"


def main() -> int:
    told = {LOCKS[0]: python(sys.argv[1], LOCKS[0])}
    if told[LOCKS[0]][1]:  # where none of the first was answered, asking for the others only takes time
        told |= {lock: python(sys.argv[1], lock) for lock in LOCKS[1:]} | {f"{folder}/package-lock.json": npm(folder) for folder in NPM_LOCKS}
    for name, row in told.items():
        print(f"{name}: {words(*row)}")
    if any(found for _, _, found in told.values()):
        return 1
    if all(audited == 0 for _, audited, _ in told.values()):
        print(f"the advisories are out of reach from here: nothing of {len(LOCKS) + len(NPM_LOCKS)} locks was audited")
        return NOT_AUDITED
    return 0 if all(audited >= locked for locked, audited, _ in told.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
