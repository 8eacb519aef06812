"""Words in scripts whose letters join, stack or change places, as they stand on a page and as they are read back by another program."""

import asyncio
import re
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas

from crypto_api.kit.pdf_fonts import faces_of
from crypto_api.kit.pdf_pages import PdfPages
from crypto_api.kit.pdf_text import ShapedParagraph, draw, paragraph
from tests.programs import program

NAMES = {
    "Arabic": "شركة النور للاتصالات",
    "Persian": "می\u200cخواهم فارسی",
    "Hebrew": 'חברת אלפא בע"מ',
    "Devanagari": "लक्ष्मी ट्रेडिंग कंपनी लिमिटेड",
    "Thai": "บริษัท ทดสอบ จำกัด น้ำ ที่",
}
STYLE = ParagraphStyle("text", fontSize=10, leading=14)
_CONTROLS = str.maketrans("", "", "\u202a\u202b\u202c")  # pdftotext says with them which way a line goes


async def test_names_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    reader, path = program("pdftotext"), tmp_path / "names.pdf"
    pages = PdfPages(path, title="Statement", organization=NAMES["Arabic"])
    for name in NAMES.values():
        pages.add(pages.words(name), pages.words(f"Łódź 東京 {name}", "heading"))
    pages.table(["Name", "Amount"], [[pages.cell(name, 60), "12.00"] for name in NAMES.values()], (60, 30), [])
    pages.close()
    text = (await asyncio.to_thread(read, [reader, "-layout", str(path), "-"])).translate(_CONTROLS)
    counts = {script: text.count(name) for script, name in NAMES.items()}
    assert counts == dict.fromkeys(NAMES, 3) | {"Arabic": 5}, text  # at the top and at the foot too
    assert "□" not in text and text.count("Łódź 東京") == len(NAMES)


def test_all_that_is_used_of_a_font_is_in_the_file_and_little_else(tmp_path: Path) -> None:
    pages = PdfPages(tmp_path / "names.pdf", title="Statement", organization="House")
    pages.add(*(pages.words(name) for name in NAMES.values()), *(pages.words(name, "bold") for name in NAMES.values()))
    pages.close()
    fonts = PdfReader(tmp_path / "names.pdf").pages[0]["/Resources"]["/Font"]
    shaped = [font.get_object() for font in fonts.values() if font.get_object()["/Subtype"] == "/Type0"]
    assert len(shaped) == 10, "four scripts and the blanks between the words, each regular and bold"
    for font in shaped:
        inner = font["/DescendantFonts"][0].get_object()
        content = inner["/FontDescriptor"].get_object()["/FontFile2"].get_object().get_data()
        assert 500 < len(content) < 40_000 and b"fvar" not in content and b"glyf" in content
        assert len(inner["/CIDToGIDMap"].get_object().get_data()) == 2 * len(inner["/W"][1])
    assert (tmp_path / "names.pdf").stat().st_size < 150_000


@pytest.mark.parametrize("name", NAMES.values())
def test_lines_hold_all_words_once_and_none_is_wider_than_the_page(name: str) -> None:
    for text in (" ".join([name] * 20), name.replace(" ", "") * 20):
        flow = paragraph(text, STYLE)
        assert isinstance(flow, ShapedParagraph)
        _, height = flow.wrap(200, 1_000)
        lines = [(words.text[start:end], words.width(start, end) * STYLE.fontSize) for words, start, end in flow._lines or ()]
        assert len(lines) > 5 and height == len(lines) * STYLE.leading and max(width for _, width in lines) <= 200
        assert "".join(line for line, _ in lines).replace(" ", "") == text.replace(" ", "")
        head, rest = flow.split(200, 3 * STYLE.leading)
        assert head.wrap(200, 1_000)[1] == 3 * STYLE.leading and rest.wrap(200, 1_000)[1] == height - 3 * STYLE.leading
        assert flow.split(200, STYLE.leading - 1) == [] and flow.split(200, height) == [flow]


def test_letters_join_and_bold_is_bold() -> None:
    (_, faces), (_, bold) = faces_of("لا", bold=False), faces_of("لا", bold=True)
    joined = faces[0].shape("لا", to_the_left=True)
    apart = faces[0].width("ل", to_the_left=True) + faces[0].width("ا", to_the_left=True)
    assert [cluster.text for cluster in joined] == ["لا"] or sum(cluster.advance for cluster in joined) < apart
    assert bold[0].width("شركة", to_the_left=True) > faces[0].width("شركة", to_the_left=True)
    assert [cluster.text for cluster in faces[0].shape("(ب)", to_the_left=True)] == ["(", "ب", ")"], "brackets as they are drawn"


def test_a_line_that_is_too_long_is_cut_and_says_so() -> None:
    out = BytesIO()
    canvas = Canvas(out, pagesize=(400, 100), pageCompression=0)
    draw(canvas, 10, 50, NAMES["Thai"] * 10, 10, 150)
    canvas.save()
    places = [float(place) for place in re.findall(rb"1 0 0 1 ([0-9.]+) ", out.getvalue())]
    assert 100 < max(places) <= 160 and "…" in PdfReader(BytesIO(out.getvalue())).pages[0].extract_text()


def test_signs_without_end_take_no_time(tmp_path: Path) -> None:
    flow = paragraph("ب" + "." * 5_000 + "\n" + "ا" * 3_000 + " " + "()" * 500, STYLE)
    assert flow.wrap(400, 10_000)[1] > 20 * STYLE.leading


def read(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
