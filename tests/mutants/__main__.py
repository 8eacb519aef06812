"""`python -m tests.mutants`: tries every mutant of the walls and tells which lived. It takes a good while; nothing in the checkout changes.

--only N       the mutant of that number alone (again and again, each adds one)
--area A       query, access or check
--list         what there is, without trying
--report FILE  a table of all verdicts, in Markdown
--known FILE   keeps what each test runs through, so that a second run need not find it out again
"""

import argparse
import json
from collections import Counter
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
            reach = _reach(left, folder, environment, options.known) if left else {}
            for number, verdict in enumerate(run.try_live(left, reach, folder, environment)):
                verdicts.append(verdict)
                _tell(f"{number + 1}/{len(left)}", verdict)
            tried = {verdict.mutant for verdict in verdicts}
            for mutant in left:
                if mutant in tried:
                    continue
                verdict = run.try_one(mutant, reach, folder, environment)
                verdicts.append(verdict)
                _tell("alone", verdict)
    return verdicts


def _tell(where: str, verdict: Verdict) -> None:
    print(f"{where} {'killed' if verdict.killed else 'LIVED '} {verdict.seconds:5.1f} s  {verdict.mutant.name}  [{verdict.by}]", flush=True)


def _reach(left: list[Mutant], folder: Path, environment: dict[str, str], known: Path | None) -> run.Reach:
    if known is not None and known.exists():
        return {function: [(row[0], row[1]) for row in tests] for function, tests in json.loads(known.read_text()).items()}
    reach = run.reach_of(left, folder, environment)
    if known is not None:
        known.write_text(json.dumps(reach))
    return reach


def report(verdicts: list[Verdict]) -> str:
    counted = Counter((verdict.mutant.area, verdict.killed) for verdict in verdicts)
    rows = [
        "| area | tried | killed |",
        "|---|---|---|",
        *(f"| {area} | {counted[area, True] + counted[area, False]} | {counted[area, True]} |" for area in sorted({area for area, _ in counted})),
        "",
        "| mutant | found by |",
        "|---|---|",
    ]
    for verdict in sorted(verdicts, key=lambda verdict: (verdict.mutant.file, verdict.mutant.line)):
        mutant = verdict.mutant
        what = mutant.what.replace("|", "\\|")
        found = f"`{verdict.by}`" if verdict.killed else f"**lived**: {verdict.by}"
        rows.append(f"| `{mutant.file}` {mutant.function}: {what} | {found} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
