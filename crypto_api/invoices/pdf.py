"""An invoice as a PDF to be sent, printed and kept: fonts embedded, so that it looks the same in twenty years; as many pages as its lines need."""

from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any

import segno
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Image, KeepTogether, LongTable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle
from segno.helpers import make_epc_qr

from crypto_api.invoices.documents import Invoice, InvoiceSettings
from crypto_api.invoices.types import ACCENT, InvoiceKind, InvoiceStatus, Item, Layout, Party, RoundingMode, TaxRounding
from crypto_api.kit.pdf_code import QrCode
from crypto_api.kit.pdf_fonts import BOX, WIDE, WIDE_BOLD, embedded, has_boxes, is_plain
from crypto_api.kit.pdf_pages import FRAME_PADDING
from crypto_api.kit.pdf_shaping import Points
from crypto_api.kit.pdf_text import draw, paragraph

_FONT, _BOLD_FONT = WIDE, WIDE_BOLD
_INK, _GREY, _LINE = colors.HexColor("#16202B"), colors.HexColor("#5B6673"), colors.HexColor("#C3CCD6")
_WIDTH = A4[0] - 40 * mm
_COLUMNS = [8 * mm, _WIDTH - 116 * mm, 22 * mm, 30 * mm, 24 * mm, 32 * mm]
_CODE_SIDE = 32 * mm
_LOGO = (60 * mm, 20 * mm)
_BANNER = 44 * mm  # from the upper edge
_TEXT = ParagraphStyle("text", fontName=_FONT, fontSize=9, leading=12.5, textColor=_INK)
_BOLD = ParagraphStyle("bold", parent=_TEXT, fontName=_BOLD_FONT)
_MUTED = ParagraphStyle("muted", parent=_TEXT, fontSize=8, leading=11, textColor=_GREY)
_TITLE = ParagraphStyle("title", parent=_BOLD, fontSize=20, leading=25)
_NUMBER = ParagraphStyle("number", parent=_TEXT, alignment=TA_RIGHT)
_NUMBER_BOLD = ParagraphStyle("number bold", parent=_BOLD, alignment=TA_RIGHT)
_HEAD = ParagraphStyle("head", parent=_MUTED, fontName=_BOLD_FONT)
_HEAD_RIGHT = ParagraphStyle("head right", parent=_HEAD, alignment=TA_RIGHT)
_TITLES = {InvoiceKind.INVOICE: "Invoice", InvoiceKind.CREDIT_NOTE: "Credit note", InvoiceKind.QUOTE: "Quote"}
_MODES = {RoundingMode.HALF_UP: "half up", RoundingMode.HALF_EVEN: "half even"}
_EPC_MAX = Decimal("999999999.99")  # EPC069-12, version 3.1


@dataclass(frozen=True)
class _Look:
    """Of the organisation: its layout, its colour, its picture."""

    layout: Layout
    accent: colors.Color
    logo: bytes | None

    @property
    def title(self) -> ParagraphStyle:
        return ParagraphStyle("own title", parent=_TITLE, textColor=colors.white if self.layout is Layout.BANNER else self.accent)


def write_pdf(row: Invoice, own: InvoiceSettings | None, about: Invoice | None = None, logo: bytes | None = None, link: str = "") -> bytes:
    """`about`: the invoice that a credit note is about; `logo`: a PNG; `link`: the page on which it can be paid, empty where there is none."""
    embedded()
    look = _Look(own.template if own else Layout.CLASSIC, colors.HexColor(own.accent if own else ACCENT), logo)
    out, title = BytesIO(), title_of(row)
    seller = row.seller.name if row.seller else ""
    side = 20 * mm - FRAME_PADDING
    document = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=side, rightMargin=side, topMargin=18 * mm, bottomMargin=20 * mm, title=title, author=seller
    )
    flow = [
        *_top(row, about, look),
        Spacer(1, 7 * mm),
        _lines(row, look),
        Spacer(1, 4 * mm),
        KeepTogether(_totals(row)),
        Spacer(1, 6 * mm),
        *_foot(row, own, link),
    ]

    def decorate(canvas: Canvas, page: Any) -> None:
        canvas.saveState()
        if look.layout is Layout.BANNER and page.page == 1:
            canvas.setFillColor(look.accent)
            canvas.rect(0, A4[1] - _BANNER, A4[0], _BANNER, stroke=0, fill=1)
        foot = f"{seller}  ·  {title}" if seller else title
        canvas.setFillColor(_GREY)
        canvas.setFont(_FONT, 7)
        if is_plain(foot):
            canvas.drawString(20 * mm, 11 * mm, foot[:140])
        else:
            draw(canvas, 20 * mm, 11 * mm, foot, 7, _WIDTH - 18 * mm)
        canvas.setFont(_FONT, 7)
        canvas.drawRightString(A4[0] - 20 * mm, 11 * mm, f"Page {page.page}")
        if row.status in (InvoiceStatus.DRAFT, InvoiceStatus.CANCELLED):
            canvas.setFont(_BOLD_FONT, 90)
            canvas.setFillColor(colors.Color(0, 0, 0, alpha=0.06))
            canvas.translate(A4[0] / 2, A4[1] / 2)
            canvas.rotate(45)
            canvas.drawCentredString(0, 0, row.status.value)
        canvas.restoreState()

    document.build(flow, onFirstPage=decorate, onLaterPages=decorate)
    return out.getvalue()


def title_of(row: Invoice) -> str:
    return f"{_TITLES[row.kind]} {row.number or '(draft)'}"


def _has_boxes(row: Invoice) -> bool:
    parties = [value for party in (row.seller, row.buyer) if party is not None for value in party.model_dump().values()]
    words = [row.note, row.reference, row.client_name, *parties, *(item.description for item in row.items)]
    return any(has_boxes(line) for text in words for line in text.split("\n"))


# ---- the top ---------------------------------------------------------------------------------------------------------------------


def _top(row: Invoice, about: Invoice | None, look: _Look) -> list[Any]:
    sides = [[_party("From", row.seller, ""), _party("Billed to", row.buyer, row.client_name)]]
    parties = Table(sides, colWidths=[_WIDTH / 2] * 2, hAlign="LEFT")
    parties.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return [*_head(row, look), Spacer(1, 3 * mm), _dates(row, about), Spacer(1, 6 * mm), parties]


def _head(row: Invoice, look: _Look) -> list[Any]:
    """The title, with the logo above it, or beside it on the banner."""
    title, logo = paragraph(title_of(row), look.title, bold=True), _logo(look)
    if look.layout is not Layout.BANNER:
        return [*([logo, Spacer(1, 5 * mm)] if logo else []), title]
    sides = Table(
        [[title, logo or ""]], colWidths=[_WIDTH - _LOGO[0] - 4 * mm, _LOGO[0] + 4 * mm], rowHeights=[_BANNER - 18 * mm - 3 * mm], hAlign="LEFT"
    )
    style: list[Any] = [("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (0, 0), 0), ("ALIGN", (1, 0), (1, 0), "RIGHT")]
    if logo:
        style += [("BACKGROUND", (1, 0), (1, 0), colors.white), ("ROUNDEDCORNERS", [2, 2, 2, 2])]
    sides.setStyle(TableStyle(style))
    return [sides, Spacer(1, 8 * mm)]


def _logo(look: _Look) -> Image | None:
    """As large as fits, and no larger than its pixels allow at 150 a inch."""
    if look.logo is None:
        return None
    picture = Image(BytesIO(look.logo), hAlign="LEFT")
    scale = min(_LOGO[0] / picture.imageWidth, _LOGO[1] / picture.imageHeight, 72 / 150)
    picture.drawWidth, picture.drawHeight = picture.imageWidth * scale, picture.imageHeight * scale
    return picture


def _dates(row: Invoice, about: Invoice | None) -> Table:
    facts = [("Issued", row.issue_date.isoformat() if row.issue_date else "not yet")]
    if row.due_date is not None:
        facts.append(("Valid until" if row.kind is InvoiceKind.QUOTE else "Due", row.due_date.isoformat()))
    if row.reference:
        facts.append(("Your reference", row.reference))
    if about is not None:
        facts.append(("Credits", f"{about.number} of {about.issue_date}"))
    rows = [[Paragraph(name, _MUTED) for name, _ in facts], [paragraph(value, _BOLD, bold=True) for _, value in facts]]
    table = Table(rows, colWidths=[_WIDTH / 4] * len(facts), hAlign="LEFT")
    table.setStyle(TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("TOPPADDING", (0, 0), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, -1), 1)]))
    return table


def _party(label: str, party: Party | None, name: str) -> list[Any]:
    shown = [Paragraph(label, _MUTED), paragraph(party.name if party else name, _BOLD, bold=True)]
    if party is None:
        return shown
    lines = [party.line1, party.line2, f"{party.postal_code} {party.city}".strip(), party.region, party.country]
    lines += [f"Tax id {party.tax_id}"] if party.tax_id else []
    return [*shown, *(paragraph(line, _TEXT) for line in lines if line)]


# ---- the lines -------------------------------------------------------------------------------------------------------------------


def _lines(row: Invoice, look: _Look) -> LongTable:
    head = [Paragraph(name, _HEAD if place < 2 else _HEAD_RIGHT) for place, name in enumerate(("", "Description", "Quantity", "Price", "Tax", "Net"))]
    rows = [_line(number, item, line.net) for number, (item, line) in enumerate(zip(row.items, row.totals.lines, strict=True), start=1)]
    table = LongTable([head, *rows], colWidths=_COLUMNS, repeatRows=1, hAlign="LEFT")
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, 0), 0.75, look.accent),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, _LINE),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
    ]
    table.setStyle(TableStyle(style))
    return table


def _line(number: int, item: Item, net: Decimal) -> list[Any]:
    discount = [f"less {money(item.discount)}"] if item.discount else []
    discount += [f"less {plain(item.discount_percent)} %"] if item.discount_percent else []
    taxes = "\n".join(f"{tax.name} {plain(tax.rate)} %" for tax in item.taxes)
    return [
        _cell(str(number), _MUTED, _COLUMNS[0]),
        [paragraph(item.description, _TEXT), Paragraph(", ".join(discount), _MUTED)] if discount else _cell(item.description, _TEXT, _COLUMNS[1]),
        _cell(f"{plain(item.quantity)} {item.unit}".strip(), _NUMBER, _COLUMNS[2]),
        _cell(money(item.unit_price), _NUMBER, _COLUMNS[3]),
        paragraph(taxes, _NUMBER) if len(item.taxes) > 1 else _cell(_taxed(item), _NUMBER, _COLUMNS[4]),
        _cell(money(net), _NUMBER, _COLUMNS[5]),
    ]


def _taxed(item: Item) -> str:
    return ", ".join(f"{tax.name} {plain(tax.rate)} %" for tax in item.taxes) or "none"


class _OneLine(Flowable):  # type: ignore[misc]  # reportlab has no types
    """Plain text that fits on one line, where a Paragraph of that style would put it, without being read as markup and broken into words."""

    def __init__(self, text: str, style: ParagraphStyle) -> None:
        super().__init__()
        self._text, self._style = text, style

    def wrap(self, width: Points, height: Points) -> tuple[Points, Points]:
        self.width, self.height = width, self._style.leading
        return self.width, self.height

    def draw(self) -> None:
        style, canvas = self._style, self.canv
        canvas.setFillColor(style.textColor)
        canvas.setFont(style.fontName, style.fontSize)
        y = style.leading - style.fontSize
        if style.alignment == TA_RIGHT:
            canvas.drawRightString(self.width, y, self._text)
        else:
            canvas.drawString(0, y, self._text)


def _cell(text: str, style: ParagraphStyle, width: Points) -> Any:
    fits = text.isascii() and text.isprintable() and stringWidth(text, style.fontName, style.fontSize) <= width - 2 * FRAME_PADDING
    return _OneLine(text, style) if fits else paragraph(text, style)


def _totals(row: Invoice) -> list[Any]:
    totals = row.totals
    rows = [("Subtotal", money(totals.subtotal), False)]
    if totals.discount:
        rows += [("Discount", f"-{money(totals.discount)}", False)]
    rows += [(f"{tax.name} {plain(tax.rate)} % of {money(tax.base)}", money(tax.amount), False) for tax in totals.taxes]
    if len(totals.taxes) > 1:
        rows += [("Taxes", money(totals.tax), False)]
    rows += [(f"Total {row.currency}", money(totals.total), True)]
    cells = [
        [paragraph(name, _BOLD if bold else _TEXT, bold=bold), Paragraph(value, _NUMBER_BOLD if bold else _NUMBER)] for name, value, bold in rows
    ]
    table = Table(cells, colWidths=[52 * mm, 38 * mm], hAlign="RIGHT")
    table.setStyle(
        TableStyle([("LINEABOVE", (0, -1), (-1, -1), 0.75, _INK), ("RIGHTPADDING", (-1, 0), (-1, -1), 0), ("VALIGN", (0, 0), (-1, -1), "TOP")])
    )
    taxed = "on every line" if row.prices_include_tax or row.rounding.tax is TaxRounding.PER_LINE else "once for each rate"
    rule = f"Each line is rounded {_MODES[row.rounding.mode]} to {row.decimals} decimals, taxes {taxed}."
    included = " Prices include their taxes; net amounts are without them." if row.prices_include_tax else ""
    return [table, Spacer(1, 2 * mm), Paragraph(rule + included, _MUTED)]


# ---- the foot --------------------------------------------------------------------------------------------------------------------


def _foot(row: Invoice, own: InvoiceSettings | None, link: str) -> list[Any]:
    flow: list[Any] = [paragraph(row.note, _TEXT), Spacer(1, 4 * mm)] if row.note else []
    if own is not None and row.kind is InvoiceKind.INVOICE and (own.iban or own.payment_details):
        flow.append(KeepTogether([_how_to_pay(row, own)]))
    if link:
        flow += [Spacer(1, 2 * mm), KeepTogether([_pay_online(link)])]
    if own is not None and own.footer:
        flow += [Spacer(1, 4 * mm), paragraph(own.footer, _MUTED)]
    if _has_boxes(row):
        flow += [Spacer(1, 4 * mm), paragraph(f"{BOX} stands for a character that the fonts of this file cannot show.", _MUTED)]
    return flow


def _how_to_pay(row: Invoice, own: InvoiceSettings) -> Table:
    words: list[Any] = [Paragraph("How to pay", _BOLD)]
    if own.payment_details:
        words.append(paragraph(own.payment_details, _TEXT))
    if own.iban:
        bank = f"IBAN {' '.join(own.iban[at : at + 4] for at in range(0, len(own.iban), 4))}" + (f", BIC {own.bic}" if own.bic else "")
        words += [Paragraph(bank, _TEXT), paragraph(f"Reference: {row.number or ''}", _TEXT)]
    return _beside_code(words, payment_code(row, own))


def _pay_online(link: str) -> Table:
    words = [
        Paragraph("Pay online", _BOLD),
        Paragraph("What is due at this moment, and how far a payment has come:", _TEXT),
        paragraph(link, _MUTED),
    ]
    return _beside_code(words, segno.make_qr(link, error="m"))


def _beside_code(words: list[Any], code: segno.QRCode | None) -> Table:
    cells = [[words, QrCode(code, _CODE_SIDE) if code is not None else ""]]
    table = Table(cells, colWidths=[_WIDTH - 36 * mm, 36 * mm], hAlign="LEFT")
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0), ("ALIGN", (1, 0), (1, 0), "RIGHT")]))
    return table


def payment_code(row: Invoice, own: InvoiceSettings) -> segno.QRCode | None:
    """The code for a SEPA credit transfer (EPC069-12), which banking apps read; None where it would be none: euro and an IBAN are needed."""
    payable = row.kind is InvoiceKind.INVOICE and row.number is not None and row.status is not InvoiceStatus.CANCELLED
    if not (payable and own.iban and row.currency == "EUR" and row.seller is not None and 0 < row.due <= _EPC_MAX):
        return None
    return make_epc_qr(name=row.seller.name[:70], iban=own.iban, amount=row.due, text=str(row.number)[:140], bic=own.bic or None)


def money(value: Decimal) -> str:
    return f"{value:,f}"


def plain(value: Decimal) -> str:
    """Without zeros at the end: 19, 2.5."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
