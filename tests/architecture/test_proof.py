"""Every report of a proof is in the index, and says by which command it can be made again."""

import re
from pathlib import Path

from tests.architecture.reading import ROOT

PROOF = ROOT / "docs" / "proof"
COMMAND = re.compile(r"python3? (?:manage\.py|-m) \w+|\.ci/\w+")


def reports() -> list[Path]:
    return [path for path in sorted(PROOF.glob("*.md")) if path.name != "README.md"]


def test_every_report_is_in_the_index() -> None:
    index = (PROOF / "README.md").read_text()
    assert [path.name for path in reports() if f"]({path.name})" not in index] == []
    assert len(reports()) >= 5


def test_every_report_names_its_command() -> None:
    assert [path.name for path in reports() if not COMMAND.search(path.read_text())] == []
    assert not COMMAND.search("It was fast, on a machine.")
