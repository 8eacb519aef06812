"""An audit as a PDF that can be printed and filed: the score with its terms, what was looked at, and every finding with its lines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reportlab.lib import colors

from crypto_api.contract_audits.documents import ContractAudit, ContractFinding
from crypto_api.contract_audits.types import FORMULA, SCORE_MAX, Change, Confidence, FoundBy, Severity
from crypto_api.kit.amounts import text
from crypto_api.kit.pdf_pages import GREY, LINE, LOSS, SHADE, PdfPages

_SURE = {Confidence.HIGH: "sure", Confidence.MEDIUM: "likely", Confidence.LOW: "possible"}
_STATES = {Change.FIRST: "open", Change.NEW: "new", Change.STILL_THERE: "still there"}
_AMBER = colors.HexColor("#8A5A00")
_TONES = {Severity.HIGH: LOSS, Severity.MEDIUM: _AMBER}
_BASE: list[tuple[Any, ...]] = [
    ("FONTSIZE", (0, 0), (-1, -1), 8),
    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ("LINEBELOW", (0, 0), (-1, -1), 0.25, LINE),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
]
_HEAD = [("BACKGROUND", (0, 0), (-1, 0), SHADE), ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold")]
_LINE_MAX = 110  # characters of a source line


class AuditPdf:
    def __init__(self, path: Path, audit: ContractAudit, organization: str, made: str, people: Mapping[str, str]) -> None:
        self._audit, self._people = audit, people
        self._pages = PdfPages(path, title=f"Audit of {audit.subject.name}", organization=organization, about=made)

    def write(self, findings: Sequence[ContractFinding]) -> None:
        self._facts()
        self._score()
        self._since()
        self._overview(findings)
        for row in findings:
            self._finding(row)
        self._pages.close(["That nothing is found does not mean that nothing is wrong: an analyser finds what it knows."])

    def _facts(self) -> None:
        audit, pages = self._audit, self._pages
        rows = [("Ordered", f"{audit.created_at:%Y-%m-%d %H:%M} UTC by {self._people.get(audit.requested_by, 'somebody')}")]
        if audit.subject.address:
            rows.append(("Contract", f"{audit.subject.address} on {audit.subject.network}"))
        if audit.implementation:
            rows.append(("Runs code of", audit.implementation))
        if audit.block:
            rows.append(("Read at", f"block {audit.block.number:,}, {audit.block.hash}"))
        if audit.file_count:
            rows.append(("Source", f"{audit.file_count} file{'s' if audit.file_count != 1 else ''} with all imports"))
        tool = audit.tool
        if tool is not None and tool.ran:
            apart = "kept from the network by the kernel" if tool.network == "seccomp" else "not kept from the network"
            over = f"{tool.detectors} detectors over {tool.contracts} contract{'s' if tool.contracts != 1 else ''}"
            rows.append(("Slither", f"{tool.version}, {over}, compiler {tool.compiler_version}; {apart}"))
        else:
            rows.append(("Slither", f"did not run: {tool.reason if tool else 'there is no source'}"))
        told = [[label, pages.cell(value, 130, style="row")] for label, value in rows]
        pages.table(told[0], told[1:], (40, 130), [*_BASE, ("TEXTCOLOR", (0, 0), (0, -1), GREY)])
        for note in audit.notes:
            pages.add(pages.words(note, "muted"))

    def _score(self) -> None:
        pages, audit = self._pages, self._audit
        pages.heading(f"Risk score: {audit.score} of {SCORE_MAX}")
        rows = [
            [f"{term.count} {term.severity.value}, {_SURE[term.confidence]}", f"{term.weight} x {text(term.factor)}", text(term.points)]
            for term in audit.terms
        ]
        right = [("ALIGN", (1, 0), (2, -1), "RIGHT")]
        pages.table(["Open findings", "Weight x factor", "Points"], rows, (90, 40, 40), [*_BASE, *_HEAD, *right])
        pages.add(pages.words(f"{FORMULA}. It is no standard: it says what to look at first.", "muted"))

    def _since(self) -> None:
        """Against the audit of the same subject before, where there was one."""
        audit, pages = self._audit, self._pages
        if audit.compared_with is None:
            return
        pages.heading(f"Since the audit before: {audit.new_count} new, {len(audit.gone)} gone")
        for title in audit.gone:
            pages.add(pages.words(f"Gone: {title}"))

    def _overview(self, findings: Sequence[ContractFinding]) -> None:
        pages = self._pages
        pages.heading(f"{len(findings)} findings, {self._audit.suppressed_count} of them suppressed")
        if not findings:
            return
        widths = (10, 24, 90, 22, 24)
        rows = []
        styles: list[tuple[Any, ...]] = []
        for row in findings:
            state = "suppressed" if row.suppressed else _STATES[row.change]
            rows.append([str(row.number), row.severity.value, pages.cell(row.title, 90, style="row"), _SURE[row.confidence], state])
            if tone := _TONES.get(row.severity):
                styles.append(("TEXTCOLOR", (1, len(rows)), (1, len(rows)), tone))
        pages.table(["", "Severity", "Finding", "How sure", "State"], rows, widths, [*_BASE, *_HEAD, *styles])

    def _finding(self, row: ContractFinding) -> None:
        pages = self._pages
        pages.heading(f"{row.number}. {row.title}")
        by = "Slither" if row.origin is FoundBy.SLITHER else "its code"
        pages.add(pages.words(f"{row.severity.value}, {_SURE[row.confidence]}, found by {by}: {row.check}", "muted"))
        for line in row.description.splitlines()[:40]:
            if line.strip():
                pages.add(pages.words(line.strip()))
        for place in row.places[:3]:
            pages.add(pages.words(f"{place.file}:{place.first_line}", "muted"))
            for number, line in enumerate(place.excerpt.split("\n"), place.excerpt_from):
                style = "bold" if place.first_line <= number <= place.last_line else "text"
                shown = line.replace("\t", "    ")[:_LINE_MAX]
                indent = (len(shown) - len(shown.lstrip())) * 1.2
                pages.add(pages.words(f"{number}  {shown.strip()}", style, indent=6 + min(indent, 40)))
        for proof in row.evidence:
            where = f", byte {proof.offset}" if proof.offset is not None else ""
            pages.add(pages.words(f"{proof.kind} {proof.value}: {proof.means}{where} {proof.address or ''}".strip(), "muted"))
        if row.explanation:
            pages.add(pages.words(f"Machine reading by {row.explained_by}, checked by nobody: {row.explanation}", "muted"))
        if row.suppressed:
            by_whom = self._people.get(row.suppressed_by or "", "somebody")
            pages.add(pages.words(f"Suppressed by {by_whom} on {row.suppressed_at:%Y-%m-%d}: {row.reason}", "bold"))
