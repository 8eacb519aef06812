"""`python -m tests.mutants`: tries every mutant of the walls and tells which lived. It takes a good while; nothing in the checkout changes.

--only N       the mutant of that number alone (again and again, each adds one)
--area A       query, access or check
--list         what there is, without trying
--report FILE  a table of all verdicts, in Markdown
--known FILE   keeps what each test runs through and each verdict, so that a run that was interrupted goes on where it was
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.mutants import run
from tests.mutants.batches import try_together
from tests.mutants.generate import Mutant, mutants
from tests.mutants.run import Verdict


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=int, action="append", default=[])
    parser.add_argument("--area", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--known", type=Path)
    options = parser.parse_args()
    if options.list:
        for number, mutant in enumerate(mutants()):
            print(f"{number:4} {mutant.area:6} {mutant.name}")
        return 0
    verdicts = _all(options)
    killed = sum(verdict.killed for verdict in verdicts)
    print(f"\n{len(verdicts)} mutants, {killed} killed, {len(verdicts) - killed} lived")
    for verdict in verdicts:
        if not verdict.killed:
            print(f"LIVED {verdict.mutant.name} ({verdict.by})")
    if options.report:
        options.report.write_text(report(verdicts))
    return 0 if killed == len(verdicts) else 1


def _all(options: argparse.Namespace) -> list[Verdict]:
    run.preload()
    with run.copied() as folder:
        chosen = [
            mutant
            for number, mutant in enumerate(mutants(folder))
            if (not options.only or number in options.only) and (not options.area or mutant.area in options.area)
        ]
        with run.servers() as environment:
            verdicts = try_together(chosen, folder, environment)
            left = [mutant for mutant in chosen if mutant not in {verdict.mutant for verdict in verdicts}]
            return verdicts + _in_stages(left, folder, environment, options.known)


def _in_stages(left: list[Mutant], folder: Path, environment: dict[str, str], known: Path | None) -> list[Verdict]:
    """What lives through the tests of one stage is tried against those of the next."""
    kept = Kept(known.with_suffix(".verdicts.jsonl") if known else None)
    found: dict[Mutant, Verdict] = {mutant: Verdict(mutant, False, 0.0, "no test runs through it") for mutant in left}
    for stage, tests in enumerate(run.STAGES):
        alive = [mutant for mutant in left if not found[mutant].killed]
        if not alive:
            break
        for mutant in alive:
            if earlier := kept.of(stage, mutant):
                found[mutant] = earlier
        alive = [mutant for mutant in alive if kept.of(stage, mutant) is None]
        if not alive:
            continue
        reach = _reach(alive, tests, folder, environment, known.with_suffix(f".{stage}.json") if known else None)
        reached = [mutant for mutant in alive if reach.get(f"{mutant.file}:{mutant.function}")]
        print(f"stage {stage + 1}: {len(alive)} mutants alive, {len(reached)} of them run through by {', '.join(tests)}", flush=True)
        tried = set()
        for number, verdict in enumerate(run.try_live(reached, reach, folder, environment)):
            _take(f"{number + 1}/{len(reached)}", verdict, found)
            kept.add(stage, verdict)
            tried.add(verdict.mutant)
        for mutant in reached:
            if mutant not in tried:
                verdict = run.try_one(mutant, reach, folder, environment)
                _take("alone", verdict, found)
                kept.add(stage, verdict)
    return list(found.values())


class Kept:
    """Verdicts by stage, in a file that survives the run."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path and path.exists() else []
        self._rows = {(row["stage"], row["mutant"]): row for row in map(json.loads, lines)}

    def of(self, stage: int, mutant: Mutant) -> Verdict | None:
        row = self._rows.get((stage, _key(mutant)))
        return Verdict(mutant, row["killed"], row["seconds"], row["by"]) if row else None

    def add(self, stage: int, verdict: Verdict) -> None:
        if self._path is None:
            return
        row = {"stage": stage, "mutant": _key(verdict.mutant), "killed": verdict.killed, "seconds": verdict.seconds, "by": verdict.by}
        with self._path.open("a") as rows:
            rows.write(json.dumps(row) + "\n")


def _key(mutant: Mutant) -> str:
    return f"{mutant.name} @{mutant.edits[0].start}"  # a line may have two


def _take(where: str, verdict: Verdict, found: dict[Mutant, Verdict]) -> None:
    found[verdict.mutant] = verdict
    told = "killed" if verdict.killed else "lives"
    print(f"{where} {told} {verdict.seconds:5.1f} s  {verdict.mutant.name}  [{verdict.by}]", flush=True)


def _reach(alive: list[Mutant], tests: Sequence[str], folder: Path, environment: dict[str, str], known: Path | None) -> run.Reach:
    if known is not None and known.exists():
        return {function: [(row[0], row[1]) for row in rows] for function, rows in json.loads(known.read_text()).items()}
    reach = run.reach_of(alive, tests, folder, environment)
    if known is not None:
        known.write_text(json.dumps(reach))
    return reach


HEAD = """# Mutants of the walls

Each mutant takes one wall away: an organisation that drops out of a query, a guard that is left off an operation, page or console, a check that
lets everybody through, a session or secret that counts although it has ended. It is found when a test fails with it and passes without it.
`python -m tests.mutants --report docs/security-mutants.md` tries all of them, in a copy of the tree, and writes this page; a few are tried by
`tests/mutants/test_sample.py` every time.
"""


def report(verdicts: list[Verdict]) -> str:
    counted = Counter((verdict.mutant.area, verdict.killed) for verdict in verdicts)
    areas = {"query": "conditions of queries", "access": "guards of operations, pages and consoles", "check": "checks and decisions"}
    rows = [HEAD, "| what is taken away | tried | found |", "|---|---|---|"]
    rows += [f"| {areas[area]} | {counted[area, True] + counted[area, False]} | {counted[area, True]} |" for area in areas]
    rows.append(f"| together | {len(verdicts)} | {sum(verdict.killed for verdict in verdicts)} |")
    rows += ["", "## Not found", "", *(_not_found(verdicts) or ["None."]), "", "## Tried", "", "| file | mutant | functions |", "|---|---|---|"]
    grouped: dict[tuple[str, str], Counter[str]] = {}
    for verdict in verdicts:
        mutant = verdict.mutant
        what = "never refuses: `if …: raise`" if mutant.what.startswith("never refuses") else mutant.what
        grouped.setdefault((mutant.file, what), Counter())[mutant.function] += 1
    for (file, what), functions in sorted(grouped.items()):
        named = ", ".join(name if count == 1 else f"{name} ({count})" for name, count in sorted(functions.items()))
        rows.append(f"| `{file}` | {what.replace('|', '/')} | {named} |")
    return "\n".join(rows) + "\n"


def _not_found(verdicts: list[Verdict]) -> list[str]:
    return [f"- `{row.mutant.file}` {row.mutant.function}, {row.mutant.what}: {row.by}" for row in verdicts if not row.killed]


if __name__ == "__main__":
    raise SystemExit(main())
