"""A payslip as a PDF to be kept: from gross to net, how it was paid, at which rate, in which transaction, and how one checks that it is genuine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import segno
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from crypto_api.kit.amounts import to_units
from crypto_api.kit.pdf_code import QrCode
from crypto_api.kit.pdf_fonts import BOX_NOTE, WIDE, WIDE_BOLD, embedded, has_boxes
from crypto_api.kit.pdf_pages import FRAME_PADDING
from crypto_api.kit.pdf_text import draw, paragraph
from crypto_api.payroll.documents import Payout, Payslip
from crypto_api.payroll.types import DeductionKind, PayMethod, PayoutState, PayslipStatus

_INK, _GREY, _LINE = colors.HexColor("#16202B"), colors.HexColor("#5B6673"), colors.HexColor("#C3CCD6")
_WIDTH = A4[0] - 40 * mm
_CODE = 30 * mm
_TEXT = ParagraphStyle("text", fontName=WIDE, fontSize=9, leading=12.5, textColor=_INK)
_BOLD = ParagraphStyle("bold", parent=_TEXT, fontName=WIDE_BOLD)
_MUTED = ParagraphStyle("muted", parent=_TEXT, fontSize=8, leading=11, textColor=_GREY)
_SMALL = ParagraphStyle("small", parent=_TEXT, fontSize=7, leading=9, textColor=_GREY, splitLongWords=1, wordWrap="CJK")
_TITLE = ParagraphStyle("title", parent=_BOLD, fontSize=20, leading=25)
_HEADING = ParagraphStyle("heading", parent=_BOLD, fontSize=10.5, leading=14)
_NUMBER = ParagraphStyle("number", parent=_TEXT, alignment=TA_RIGHT)
_NUMBER_BOLD = ParagraphStyle("number bold", parent=_BOLD, alignment=TA_RIGHT)
_WAYS = {PayMethod.BANK: "Bank transfer", PayMethod.CASH: "Cash"}


@dataclass(frozen=True)
class Sheet:
    """What stands on it. `link` is the page that says whether it is genuine; `signature` is over its statement (EIP-712), by the key of `signer`."""

    payslip: Payslip
    payouts: Sequence[Payout]
    link: str
    signer: str
    signature: str


def write_pdf(sheet: Sheet) -> bytes:
    embedded()
    row, out = sheet.payslip, BytesIO()
    title = f"Payslip {row.start_date} to {row.end_date}"
    side = 20 * mm - FRAME_PADDING
    document = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=side, rightMargin=side, topMargin=18 * mm, bottomMargin=20 * mm, title=title, author=row.employer
    )
    flow = [*_top(row), Spacer(1, 6 * mm), _sums(row), Spacer(1, 6 * mm), *_paid(sheet), Spacer(1, 6 * mm), KeepTogether(_genuine(sheet))]
    if _has_boxes(row):
        flow += [Spacer(1, 4 * mm), paragraph(BOX_NOTE, _MUTED)]

    def decorate(canvas: Canvas, page: Any) -> None:
        canvas.saveState()
        canvas.setFillColor(_GREY)
        draw(canvas, 20 * mm, 11 * mm, f"{row.employer}  ·  {title}  ·  {row.employee_name}", 7, _WIDTH - 18 * mm)
        canvas.setFont(WIDE, 7)
        canvas.drawRightString(A4[0] - 20 * mm, 11 * mm, f"Page {page.page}")
        canvas.restoreState()

    document.build(flow, onFirstPage=decorate, onLaterPages=decorate)
    return out.getvalue()


def _has_boxes(row: Payslip) -> bool:
    words = [row.employer, row.employee_name, row.note, *(one.name for one in row.earnings), *(one.name for one in row.deductions)]
    return any(has_boxes(line) for text in words for line in text.split("\n"))


# ---- the top ---------------------------------------------------------------------------------------------------------------------


def _top(row: Payslip) -> list[Any]:
    facts = [
        ("Employer", row.employer),
        ("Employee", row.employee_name),
        ("Period", f"{row.start_date} to {row.end_date}"),
        ("Day of payment", row.pay_date.isoformat()),
    ]
    cells = [[Paragraph(name, _MUTED) for name, _ in facts], [paragraph(value, _BOLD, bold=True) for _, value in facts]]
    table = Table(cells, colWidths=[_WIDTH * part for part in (0.3, 0.3, 0.25, 0.15)], hAlign="LEFT")
    table.setStyle(TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("TOPPADDING", (0, 0), (-1, -1), 0), ("VALIGN", (0, 0), (-1, -1), "TOP")]))
    return [Paragraph("Payslip", _TITLE), Spacer(1, 3 * mm), table]


# ---- from gross to net -----------------------------------------------------------------------------------------------------------


def _sums(row: Payslip) -> Table:
    lines: list[tuple[str, str, bool]] = [(one.name, money(one.amount), False) for one in row.earnings]
    lines.append((f"Gross pay {row.currency}", money(row.gross), True))
    for one in row.deductions:
        taxed = f" of {money(row.taxable)}" if one.kind is DeductionKind.TAX else ""
        lines.append((f"{one.name}{taxed}", f"-{money(one.amount)}", False))
    lines.append((f"Net pay {row.currency}", money(row.net), True))
    cells = [
        [paragraph(name, _BOLD if bold else _TEXT, bold=bold), Paragraph(value, _NUMBER_BOLD if bold else _NUMBER)] for name, value, bold in lines
    ]
    table = Table(cells, colWidths=[_WIDTH - 40 * mm, 40 * mm], hAlign="LEFT")
    style: list[tuple[Any, ...]] = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
    ]
    style += [("LINEABOVE", (0, place), (-1, place), 0.75, _INK) for place, line in enumerate(lines) if line[2]]
    table.setStyle(TableStyle(style))
    return table


# ---- how it was paid -------------------------------------------------------------------------------------------------------------


def _paid(sheet: Sheet) -> list[Any]:
    row = sheet.payslip
    state = "Paid" if row.status is PayslipStatus.PAID else "To be paid"
    flow: list[Any] = [Paragraph(state, _HEADING), Spacer(1, 1.5 * mm)]
    by_place = {one.place: one for one in sheet.payouts}
    for place, share in enumerate(row.shares):
        value = f"{money(share.amount)} {row.currency}"
        if share.method is PayMethod.CRYPTO:
            flow += _on_chain(row, by_place.get(place), share.asset or "", value)
        else:
            done = f", on {row.hand_paid_on}" if place in row.hand_paid else ", not yet"
            flow.append(paragraph(f"{_WAYS[share.method]}: {value}{done}. {row.hand_reference}", _TEXT))
    return flow if row.shares else [Paragraph("There is nothing to pay.", _TEXT)]


def _on_chain(row: Payslip, payout: Payout | None, asset: str, value: str) -> list[Any]:
    if payout is None:
        return [paragraph(f"{asset}: {value}, at the rate of the day on which it is paid.", _TEXT)]
    lock = next((one for one in row.rates if one.asset == asset), None)
    amount = f"{to_units(int(payout.raw_amount), payout.decimals):f} {asset}"
    rate = f"1 {asset} = {lock.rate:f} {row.currency}, {lock.source}, price of {_time(lock.priced_at)}, fixed {_time(lock.locked_at)}" if lock else ""
    done = {PayoutState.PAID: "in transaction", PayoutState.FAILED: "failed"}.get(payout.state, "on its way")
    told = [paragraph(f"{amount} for {value}", _BOLD, bold=True), paragraph(rate, _MUTED)]
    told.append(paragraph(f"To {payout.address} on {payout.network}, {done} {payout.hash or ''}", _SMALL))
    return [*told, Spacer(1, 2 * mm)]


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


# ---- whether it is genuine -------------------------------------------------------------------------------------------------------


def _genuine(sheet: Sheet) -> list[Any]:
    words = [
        Paragraph("Is it genuine?", _HEADING),
        Paragraph("Scan the code, or open the address below: it shows what was signed, and by whom.", _TEXT),
        paragraph(sheet.link, _SMALL),
        Paragraph(f"Signed (EIP-712) by {sheet.signer}", _SMALL),
        Paragraph(sheet.signature, _SMALL),
    ]
    table = Table([[words, QrCode(segno.make(sheet.link, error="m"), _CODE)]], colWidths=[_WIDTH - _CODE - 4 * mm, _CODE + 4 * mm], hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (0, 0), 0),
                ("ALIGN", (1, 0), (1, 0), "RIGHT"),
                ("RIGHTPADDING", (1, 0), (1, 0), 0),
            ]
        )
    )
    return [table]


def money(value: Decimal) -> str:
    return f"{value:,f}"
