"""The sheet of OWASP ASVS 5.0 (`docs/security/asvs.toml`), and the page that is made of it: `python -m tests.asvs` writes `docs/security/asvs.md`."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHEET = ROOT / "docs" / "security" / "asvs.toml"
PAGE = ROOT / "docs" / "security" / "asvs.md"
SUBJECTS_MAX = 10  # of rows with one reason; of more the ids are enough
STATUSES = ("holds", "partly", "not", "does not apply")
HEAD = """# OWASP ASVS 5.0

What Coffer says of itself beside the [Application Security Verification Standard 5.0](https://owasp.org/www-project-application-security-verification-standard/)
of OWASP, requirement by requirement. The rows are in `docs/security/asvs.toml`: for each what we say of it, and the tests that show it or the reason
in words. Subjects are ours and short; the requirement itself is in the standard. This page is made of the sheet by `python -m tests.asvs`, and
`tests/architecture/test_asvs.py` compares the two, and looks whether each test that is named exists.

It is our own reading, no audit. *Holds* means that the tests named there assert it, that `.ci/security` or ruff fail without it, or, where the
standard asks for something written, that it is written. Where code does it and no test shows it, the row says *partly*.
"""


@dataclass(frozen=True)
class Row:
    id: str
    level: int
    subject: str
    status: str
    tests: tuple[str, ...] = ()
    reason: str = ""

    @property
    def chapter(self) -> str:
        return self.id.partition(".")[0]


@dataclass(frozen=True)
class Sheet:
    levels: Mapping[int, int]
    """How many requirements the standard has of each level."""
    chapters: Mapping[str, str]
    rows: tuple[Row, ...]


def read() -> Sheet:
    raw = tomllib.loads(SHEET.read_text())
    rows = tuple(Row(**{**row, "tests": tuple(row.get("tests", ()))}) for row in raw["requirements"])
    return Sheet({int(level): count for level, count in raw["levels"].items()}, raw["chapters"], rows)


def page(sheet: Sheet) -> str:
    return "\n".join([HEAD, *_counts(sheet), *_open(sheet), *_without(sheet)]) + "\n"


def _counts(sheet: Sheet) -> Iterator[str]:
    yield "## How many"
    yield ""
    yield from _table(
        ["level", *STATUSES, "together"], (_counted(f"{level}", [row for row in sheet.rows if row.level == level]) for level in (1, 2, 3))
    )
    yield ""
    chapters = ([row for row in sheet.rows if row.chapter == number] for number in sheet.chapters)
    named = [_counted(f"{rows[0].chapter}. {sheet.chapters[rows[0].chapter]}", rows) for rows in chapters]
    yield from _table(["chapter", *STATUSES, "together"], [*named, _counted("together", sheet.rows)])


def _counted(name: str, rows: Iterable[Row]) -> list[str]:
    counts = Counter(row.status for row in rows)
    return [name, *(str(counts[status]) for status in STATUSES), str(counts.total())]


def _open(sheet: Sheet) -> Iterator[str]:
    """What does not hold, or not as a whole: *not* before *partly*."""
    for status, title in (("not", "What does not hold"), ("partly", "What holds in part")):
        yield from ("", f"## {title}", "")
        rows = [row for row in sheet.rows if row.status == status]
        yield from _table(["id", "level", "subject", "what is missing, or why"], ([row.id, str(row.level), row.subject, row.reason] for row in rows))


def _without(sheet: Sheet) -> Iterator[str]:
    yield from ("", "## What does not apply", "")
    by_reason: dict[str, list[Row]] = {}
    for row in sheet.rows:
        if row.status == "does not apply":
            by_reason.setdefault(row.reason, []).append(row)
    for reason, rows in by_reason.items():
        told = [row.id for row in rows] if len(rows) > SUBJECTS_MAX else [f"{row.id} {row.subject}" for row in rows]
        yield f"- {', '.join(told)}: {reason}."


def _table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(read()))
