"""`python -m tests.planted`, or `manage.py plant`: plants each bug in a copy of what is committed, and looks whether the tier that is named for it
finds it; and before that, whether every command passes where nothing is planted.

--only NAME     beginning of a name (01-sent); may be given more than once
--tier TIER     of one tier: suite, matrix, simulate, chaos, lint
--kept FILE     outcomes, a line each: what stands there for the same patch and command is not tried again
--report FILE   writes the table of docs/proof/planted-bugs.md between its marks
--no-control    nothing is run without a bug
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from tests.mutants.run import copied, preload, servers
from tests.planted.bugs import ROOT, Bug, Tier, planted
from tests.planted.run import Outcome, controls, run, try_bug

BEGIN, END = "<!-- begin: written by manage.py plant -->", "<!-- end -->"


def main() -> int:
    parser = argparse.ArgumentParser(prog="manage.py plant", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append")
    parser.add_argument("--tier", choices=list(Tier), action="append")
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--no-control", action="store_true")
    options = parser.parse_args()
    bugs = [bug for bug in planted() if _wanted(bug, options.only, options.tier)]
    outcomes = _known(bugs, options.kept)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended as well
    waiting = [bug for bug in bugs if bug.name not in outcomes]
    by_tests = any(bug.tier in (Tier.SUITE, Tier.MATRIX) for bug in waiting)
    running = "COFFER_TEST_MONGODB_URI" in os.environ  # as for every test, somebody may keep them running
    with copied() as folder, servers() if by_tests and not running else nullcontext({}) as environment:
        _link_tools(folder)
        if by_tests:
            preload()
        if not options.no_control and not _pass(controls(waiting), folder, environment):
            return 1
        for bug in waiting:
            outcomes[bug.name] = outcome = try_bug(bug, folder, environment)
            print(_line(bug, outcome), flush=True)
            _keep(bug, outcome, options.kept)
    caught = sum(outcome.caught for outcome in outcomes.values())
    print(f"{caught} of {len(bugs)} caught")
    if options.report is not None:
        before, _, rest = options.report.read_text().partition(BEGIN)
        options.report.write_text(before + "\n".join([BEGIN, "", *table(bugs, outcomes), "", END]) + rest.partition(END)[2])
    return 0 if caught == len(bugs) else 1


def _wanted(bug: Bug, names: Sequence[str] | None, tiers: Sequence[str] | None) -> bool:
    return (not names or any(bug.name.startswith(name) for name in names)) and (not tiers or bug.tier in tiers)


def _link_tools(folder: Path) -> None:
    """What `.ci/security` has installed for itself: without it, semgrep would be installed anew."""
    if (tools := ROOT / ".data" / "security").exists():
        (folder / ".data").mkdir(exist_ok=True)
        (folder / ".data" / "security").symlink_to(tools.resolve())


def _pass(commands: Iterable[Sequence[str]], folder: Path, environment: Mapping[str, str]) -> bool:
    for arguments in commands:
        code, said = run(arguments, folder, environment)
        print(f"nothing planted, {' '.join(arguments)[:150]}: {'passes' if code == 0 else 'FAILS'}", flush=True)
        if code != 0:
            print(said[-4_000:])
            return False
    return True


def _line(bug: Bug, outcome: Outcome) -> str:
    return f"{'caught    ' if outcome.caught else 'NOT CAUGHT'} {outcome.seconds:6.1f} s  {bug.tier:8}  {bug.name}" + (
        f"\n    {outcome.why}" if outcome.why else ""
    )


def _digest(bug: Bug) -> str:
    return sha256(bug.patch.read_bytes() + bug.command.encode() + bug.shown_by.encode()).hexdigest()[:16]


def _known(bugs: Iterable[Bug], path: Path | None) -> dict[str, Outcome]:
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path is not None and path.exists() else []
    digests = {bug.name: _digest(bug) for bug in bugs}
    return {row["name"]: Outcome(row["name"], True, row["seconds"]) for row in rows if row["caught"] and digests.get(row["name"]) == row["digest"]}


def _keep(bug: Bug, outcome: Outcome, path: Path | None) -> None:
    if path is not None:
        with path.open("a") as rows:
            rows.write(json.dumps(asdict(outcome) | {"digest": _digest(bug)}) + "\n")


def table(bugs: Iterable[Bug], outcomes: Mapping[str, Outcome]) -> list[str]:
    rows = ["| bug | what it would do | stands for | tier | found by | caught | s |", "|---|---|---|---|---|---|---|"]
    for bug in bugs:
        outcome = outcomes[bug.name]
        cells = (
            f"`{bug.name}`",
            bug.does,
            bug.stands_for,
            bug.tier,
            f"`{bug.command}`",
            "yes" if outcome.caught else "**no**",
            f"{outcome.seconds:.0f}",
        )
        rows.append("| " + " | ".join(cells) + " |")
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
