"""The sheet of OWASP ASVS 5.0 is whole, what it names exists, and its page is made of it."""

import ast
import re
from collections import Counter
from datetime import timedelta
from itertools import pairwise

from crypto_api.identity import passwords
from crypto_api.identity.types import ACCESS_LIFETIME, APPROVAL_LIFETIME, BLOCK_MAX, TICKET_LIFETIME
from crypto_api.kit.session_spans import DASHBOARD_IDLE, DASHBOARD_LIFETIME, PROGRAM_LIFETIME, REFRESH_LIFETIME
from tests import asvs
from tests.architecture.reading import ROOT, functions
from tests.asvs import Row, Sheet

COUNTED = {1: 70, 2: 183, 3: 92}
"""Requirements of each level in version 5.0.0 of the standard, and no others: 345."""


def faults_of(row: Row) -> list[str]:
    faults = []
    if row.status not in asvs.STATUSES:
        faults.append(f"{row.id}: {row.status!r} is no status")
    if not row.subject or not (row.tests or row.reason):
        faults.append(f"{row.id}: neither a test nor a reason")
    if row.status != "holds" and not row.reason:
        faults.append(f"{row.id}: {row.status}, and no reason")
    if row.status in ("not", "does not apply") and row.tests:
        faults.append(f"{row.id}: tests of what does not hold")
    return faults + [f"{row.id}: there is no {test}" for test in row.tests if not exists(test)]


def exists(test: str) -> bool:
    name, _, function = test.partition("::")
    path = ROOT / name
    return path.is_file() and name.startswith("tests/") and function in {node.name for node in functions(ast.parse(path.read_text()))}


def counts_of(sheet: Sheet) -> list[str]:
    ids, levels = Counter(row.id for row in sheet.rows), Counter(row.level for row in sheet.rows)
    faults = [f"{name} stands {count} times" for name, count in ids.items() if count != 1]
    faults += [f"level {level}: {levels[level]} rows of {count}" for level, count in sheet.levels.items() if levels[level] != count]
    order = [tuple(map(int, row.id.split("."))) for row in sheet.rows]
    faults += ["not in the order of the standard"] if order != sorted(order) else []
    for before, after in pairwise(order):  # within a section they are counted without a gap, and so are sections and chapters
        if after not in {(*before[:2], before[2] + 1), (before[0], before[1] + 1, 1), (before[0] + 1, 1, 1)}:
            faults.append(f"{'.'.join(map(str, after))} does not come after {'.'.join(map(str, before))}")
    return faults


def test_every_requirement_stands_once_with_its_level() -> None:
    sheet = asvs.read()
    assert sheet.levels == COUNTED and len(sheet.rows) == 345
    assert counts_of(sheet) == []
    assert list(sheet.chapters) == [str(number) for number in range(1, 18)]


def test_every_row_names_tests_that_exist_or_a_reason() -> None:
    assert [fault for row in asvs.read().rows for fault in faults_of(row)] == []


def test_the_page_is_made_of_the_sheet() -> None:
    assert asvs.PAGE.read_text() == asvs.page(asvs.read()), "python -m tests.asvs"


def words(span: timedelta) -> str:
    """`15 minutes`: in the largest unit of which it is several."""
    units = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))
    unit, name = next((unit, name) for unit, name in units if span.total_seconds() % unit == 0 and span.total_seconds() > unit)
    return f"{span.total_seconds() // unit:.0f} {name}"


def test_the_rules_tell_the_figures_of_the_code() -> None:
    spans = (ACCESS_LIFETIME, REFRESH_LIFETIME, PROGRAM_LIFETIME, DASHBOARD_LIFETIME, DASHBOARD_IDLE, APPROVAL_LIFETIME, TICKET_LIFETIME)
    text = (asvs.PAGE.parent / "rules.md").read_text()
    assert re.findall(r"\*\*([^*]+)\*\*", text) == [words(BLOCK_MAX), str(passwords.LENGTH_MIN), *map(words, spans)]


def test_each_of_the_ten_risks_of_apis_has_three_tests_that_exist() -> None:
    risks = (asvs.PAGE.parent / "api-top-10.md").read_text().split("\n## ")[1:]
    assert [risk.partition(".")[0] for risk in risks] == [f"API{number}" for number in range(1, 11)]
    for risk in risks:
        named = re.findall(r"^- `(tests/[^`]+)`$", risk, re.MULTILINE)
        assert len(set(named)) == len(named) >= 3 and [test for test in named if not exists(test)] == [], risk.partition("\n")[0]


def test_the_checks_find_a_bad_sheet() -> None:
    here = "tests/architecture/test_asvs.py"
    good = Row("1.1.1", 1, "Something", "holds", (f"{here}::test_the_checks_find_a_bad_sheet",))
    assert faults_of(good) == []
    bad = [
        Row("1.1.2", 1, "Something", "holds"),
        Row("1.1.2", 1, "Something", "partly", good.tests),
        Row("1.1.4", 2, "Something", "perhaps", (f"{here}::test_nothing", "tests/absent.py::test_x"), "why"),
        Row("1.1.5", 1, "Something", "not", good.tests, "why"),
    ]
    assert [fault for row in bad for fault in faults_of(row)] == [
        "1.1.2: neither a test nor a reason",
        "1.1.2: partly, and no reason",
        "1.1.4: 'perhaps' is no status",
        f"1.1.4: there is no {here}::test_nothing",
        "1.1.4: there is no tests/absent.py::test_x",
        "1.1.5: tests of what does not hold",
    ]
    assert counts_of(Sheet({1: 5, 2: 1}, {}, (good, *bad))) == [
        "1.1.2 stands 2 times",
        "level 1: 4 rows of 5",
        "1.1.2 does not come after 1.1.2",
        "1.1.4 does not come after 1.1.2",
    ]
