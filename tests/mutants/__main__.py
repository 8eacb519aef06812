"""`python -m tests.mutants`: tries every mutant of the walls and tells which lived. It takes a good while; nothing in the checkout changes.

--only N       the mutant of that number alone (again and again, each adds one)
--area A       query, access or check
--of PART      those of files whose path holds this (again and again, each adds some)
--list         what there is, without trying
--report FILE  a table of all verdicts, in Markdown
--tell         the report of what is known, without trying
--known FILE   keeps each verdict, and what each test runs through, in files that begin with this name: a run that was interrupted goes on
               where it was, and what was found is not tried again while its function stays the same. Delete FILE.reach-N.json after
               adding tests to stage N: they are found then.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.mutants import run
from tests.mutants.batches import try_together
from tests.mutants.generate import Mutant, mutants
from tests.mutants.run import Verdict

NOT_REACHED = "no test runs through it"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=int, action="append", default=[])
    parser.add_argument("--area", action="append", default=[])
    parser.add_argument("--of", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--tell", action="store_true")
    parser.add_argument("--known", type=Path)
    options = parser.parse_args()
    if options.list:
        for number, mutant in enumerate(mutants()):
            print(f"{number:4} {mutant.area:6} {mutant.name}")
        return 0
    verdicts = _known(Kept(options.known)) if options.tell else _all(options)
    killed = sum(verdict.killed for verdict in verdicts)
    print(f"\n{len(verdicts)} mutants, {killed} killed, {len(verdicts) - killed} lived")
    for verdict in verdicts:
        if not verdict.killed:
            print(f"LIVED {verdict.mutant.name} ({verdict.by})")
    if options.report:
        tried = {verdict.mutant for verdict in verdicts}
        options.report.write_text(report(verdicts, datetime.now(UTC).date(), [mutant for mutant in mutants() if mutant not in tried]))
    return 0 if killed == len(verdicts) else 1


def _known(kept: "Kept") -> list[Verdict]:
    """Those that were found. What only lived so far may be found by tests that have not had their turn."""
    return [verdict for mutant in mutants() if (verdict := kept.found(mutant))]


def _all(options: argparse.Namespace) -> list[Verdict]:
    run.preload()
    with run.copied() as folder:
        chosen = [
            mutant
            for number, mutant in enumerate(mutants(folder))
            if (not options.only or number in options.only)
            and (not options.area or mutant.area in options.area)
            and (not options.of or any(part in mutant.file for part in options.of))
        ]
        kept = Kept(options.known)
        known = [verdict for mutant in chosen if (verdict := kept.found(mutant))]
        left = [mutant for mutant in chosen if mutant not in {verdict.mutant for verdict in known}]
        print(f"{len(chosen)} mutants, {len(known)} of them found before", flush=True)
        if not left:
            return known
        with run.servers() as environment:
            together = try_together(left, folder, environment)
            for verdict in together:
                kept.add(verdict)
            found = [verdict for verdict in together if verdict.killed]
            left = [mutant for mutant in left if mutant not in {verdict.mutant for verdict in found}]
            return known + found + _in_stages(left, folder, environment, kept)


def _in_stages(left: list[Mutant], folder: Path, environment: dict[str, str], kept: "Kept") -> list[Verdict]:
    """What lives through the tests of one stage is tried against those of the next."""
    found: dict[Mutant, Verdict] = {mutant: Verdict(mutant, False, 0.0, NOT_REACHED) for mutant in left}
    for stage in run.ORDER:
        tests = run.STAGES[stage - 1]
        alive = [mutant for mutant in left if not found[mutant].killed]
        if not alive:
            break
        reach = _reach(alive, stage, tests, folder, environment, kept)
        reached = [mutant for mutant in alive if reach.get(mutant.place)]
        again = []
        for mutant in reached:
            if earlier := kept.lived(mutant, stage, reach[mutant.place]):
                found[mutant] = earlier
            else:
                again.append(mutant)
        print(f"set {stage}: {len(alive)} mutants alive, {len(reached)} of them run through by {', '.join(tests)}", flush=True)
        for number, verdict in enumerate(_try(again, reach, folder, environment)):
            found[verdict.mutant] = replace(verdict, stage=stage)
            kept.add(found[verdict.mutant], reach[verdict.mutant.place])
            told = "killed" if verdict.killed else "lives"
            print(f"{number + 1}/{len(again)} {told} {verdict.seconds:5.1f} s  {verdict.mutant.name}  [{verdict.by}]", flush=True)
    return list(found.values())


def _try(chosen: list[Mutant], reach: run.Reach, folder: Path, environment: dict[str, str]) -> Iterator[Verdict]:
    """In one process as far as that goes, the others each in one of their own."""
    tried = set()
    for verdict in run.try_live(chosen, reach, folder, environment):
        tried.add(verdict.mutant)
        yield verdict
    for mutant in chosen:
        if mutant not in tried:
            yield run.try_one(mutant, reach, folder, environment)


class Kept:
    """What is known of the mutants, in files that survive the run. What was found stays found while the function is the same; what lived is tried
    again once other tests run through it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        lines = self._file().read_text().splitlines() if path and self._file().exists() else []
        self._rows: dict[tuple[str, int], dict[str, Any]] = {(row["mutant"], row["stage"]): row for row in map(json.loads, lines)}

    def found(self, mutant: Mutant) -> Verdict | None:
        rows = (self._rows.get((mutant.key, stage)) for stage in range(1, len(run.STAGES) + 1))
        return next((_verdict(mutant, row) for row in rows if row and row["killed"]), None)

    def lived(self, mutant: Mutant, stage: int, tests: Sequence[tuple[float, str]]) -> Verdict | None:
        """Through exactly these tests."""
        row = self._rows.get((mutant.key, stage))
        return _verdict(mutant, row) if row and row["tests"] == _digest(tests) else None

    def add(self, verdict: Verdict, tests: Sequence[tuple[float, str]] = ()) -> None:
        if self._path is None:
            return
        row = {"mutant": verdict.mutant.key, "stage": verdict.stage, "killed": verdict.killed, "seconds": verdict.seconds, "by": verdict.by}
        with self._file().open("a") as rows:
            rows.write(json.dumps(row | {"tests": _digest(tests)}) + "\n")

    def reach(self, stage: int) -> Path | None:
        return self._path.with_suffix(f".reach-{stage}.json") if self._path else None

    def _file(self) -> Path:
        assert self._path is not None
        return self._path.with_suffix(".verdicts.jsonl")


def _verdict(mutant: Mutant, row: dict[str, Any]) -> Verdict:
    return Verdict(mutant, row["killed"], row["seconds"], row["by"], row["stage"])


def _digest(tests: Sequence[tuple[float, str]]) -> str:
    return sha256("\n".join(sorted(test for _, test in tests)).encode()).hexdigest()[:12]


def _reach(alive: list[Mutant], stage: int, tests: Sequence[str], folder: Path, environment: dict[str, str], kept: Kept) -> run.Reach:
    path = kept.reach(stage)
    if path is not None and path.exists():
        known = json.loads(path.read_text())
        if {mutant.place for mutant in alive} <= set(known["looked_for"]):
            return {place: [(row[0], row[1]) for row in rows] for place, rows in known["reach"].items()}
    reach = run.reach_of(alive, tests, folder, environment)
    if path is not None:
        path.write_text(json.dumps({"looked_for": sorted({mutant.place for mutant in alive}), "reach": reach}))
    return reach


HEAD = """# Mutants of the walls

Each mutant takes one wall away: an organisation that drops out of a query, a guard that is left off an operation, page or console, a check that
lets everybody through, a session or secret that counts although it has ended. It is found when a test fails with it and passes without it.
`python -m tests.mutants --known FILE --report docs/security-mutants.md` tries all of them, in a copy of the tree, keeps what it found out in
files named after FILE, and writes this page; a few are tried by `tests/mutants/test_sample.py` every time.
"""
AREAS = {"query": "conditions of queries", "access": "guards of operations, pages and consoles", "check": "checks and decisions"}
SETS = (
    "the matrix of roles and operations",
    "tests of the API and of people, organisations, employees",
    "all other tests",
    "tests of rules and of the signer",
)


def report(verdicts: list[Verdict], day: date, untried: Sequence[Mutant]) -> str:
    counted = Counter((verdict.mutant.area, verdict.stage if verdict.killed else 0) for verdict in verdicts)
    folders = ", ".join(f"`{name}`" for name in sorted({"/".join(Path(verdict.mutant.file).parts[:-1]) for verdict in verdicts}))
    rows = [HEAD, f"{len(verdicts)} of {len(verdicts) + len(untried)} were tried until {day:%d %B %Y}, in {folders}."]
    rows += ["What lives through one set of tests is tried against the next.", ""]
    rows += [
        f"| what is taken away | mutants | {' | '.join(f'found by {name}' for name in SETS)} | not found |",
        "|---" * (3 + len(SETS)) + "|",
    ]
    for areas, name in [*(((area,), name) for area, name in AREAS.items()), (tuple(AREAS), "together")]:
        figures = [sum(counted[area, stage] for area in areas) for stage in (*range(1, len(SETS) + 1), 0)]
        rows.append(f"| {name} | {sum(figures)} | {' | '.join(map(str, figures))} |")
    rows += [
        "",
        "## Not found",
        "",
        *(_not_found(verdicts) or ["None."]),
        *_untried(untried),
        "",
        "## Tried",
        "",
        "| file | mutant | functions |",
        "|---|---|---|",
    ]
    grouped: dict[tuple[str, str], Counter[str]] = {}
    for verdict in verdicts:
        mutant = verdict.mutant
        what = "never refuses: `if …: raise`" if mutant.what.startswith("never refuses") else mutant.what
        grouped.setdefault((mutant.file, what), Counter())[mutant.function] += 1
    for (file, what), functions in sorted(grouped.items()):
        named = ", ".join(name if count == 1 else f"{name} ({count})" for name, count in sorted(functions.items()))
        rows.append(f"| `{file}` | {what.replace('|', '/')} | {named} |")
    return "\n".join(rows) + "\n"


def _untried(mutants: Sequence[Mutant]) -> list[str]:
    counted = Counter(mutant.file for mutant in mutants)
    rows = [f"| `{file}` | {count} |" for file, count in sorted(counted.items())]
    return ["", f"## Not tried to the end: {len(mutants)}", "", "| file | mutants |", "|---|---|", *rows] if rows else []


def _not_found(verdicts: list[Verdict]) -> list[str]:
    return [f"- `{row.mutant.file}` {row.mutant.function}, {row.mutant.what}: {row.by}" for row in verdicts if not row.killed]


if __name__ == "__main__":
    raise SystemExit(main())
