"""Which font shows what in a PDF file, and that nothing is shown wrongly in silence."""

import asyncio
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from inspect import unwrap
from io import BytesIO
from pathlib import Path

import pytest
from reportlab.pdfbase.ttfonts import TTFontFile
from reportlab.pdfgen.canvas import Canvas

from crypto_api.kit import pdf_fonts
from crypto_api.kit.pdf_fonts import BOX, BOX_NOTE, HAN, WIDE, WIDE_BOLD, has_boxes, is_plain, markup, needs_shaping
from crypto_api.kit.pdf_pages import PdfPages
from tests.programs import program


@pytest.mark.parametrize("text", ["Byron Treasury", "Müller & Söhne – €", "Rent <b>November</b>", ""])
def test_what_every_reader_shows_needs_no_font(text: str) -> None:
    assert is_plain(text) and not has_boxes(text) and "font" not in markup(text)


@pytest.mark.parametrize(
    ("text", "font"),
    [("Łódź", WIDE), ("Quỹ Việt", WIDE), ("Казначейство", WIDE), ("Ελλάδα", WIDE), ("东京金库", HAN), ("かぶしき", HAN), ("한국", HAN)],
)
def test_other_scripts_are_shown(text: str, font: str) -> None:
    assert markup(text).startswith(f'<font name="{font}">') and not has_boxes(text) and BOX not in markup(text)


def test_bold_stays_bold_and_nothing_is_a_tag() -> None:
    assert markup("<Łódź>", bold=True) == f'<font name="{WIDE_BOLD}">&lt;Łódź&gt;</font>'


@pytest.mark.parametrize("text", ["العربية", "עברית", "देवनागरी", "ไทย", "می\u200cخواهم", "र्\u200dय", "Treasury عربي", "שָׁלוֹם"])
def test_scripts_whose_letters_join_or_change_places_are_shaped(text: str) -> None:
    assert needs_shaping(text) and not has_boxes(text)


def test_a_joiner_is_let_through_between_such_letters_alone() -> None:
    assert has_boxes("a\u200cb") and has_boxes("ب\u200c") and has_boxes("\u200dب") and has_boxes("ب\u200ca") and has_boxes("ب\u202eب")
    assert not needs_shaping("Łódź 東京 Ελλάς") and not needs_shaping("Treasury") and not needs_shaping("")


@pytest.mark.parametrize("text", ["🙂", "a\u202eb", "a\x00b", "\ud800", "\U00010840"])
def test_what_would_stand_wrongly_is_a_box(text: str) -> None:
    assert has_boxes(text) and BOX in markup(text)
    assert not any(letter in markup(text) for letter in text if not letter.isascii() or not letter.isprintable())


def test_further_scripts_are_shown_where_the_machine_has_their_font(monkeypatch: pytest.MonkeyPatch) -> None:
    text, name = "Հայկական ქართული ኩባንያ", "NotoSansArmenian-Regular.ttf"
    for folders in (("/nowhere",), pdf_fonts.FOLDERS):
        monkeypatch.setattr(pdf_fonts, "FOLDERS", folders)
        monkeypatch.setattr(pdf_fonts, "_further", pdf_fonts._once(unwrap(pdf_fonts._further)))
        there = any((Path(folder) / name).is_file() for folder in folders)
        assert (BOX not in markup(text)[:60]) is there and has_boxes("Հ") is not there


def test_the_font_of_chinese_japanese_and_korean_states_its_licence() -> None:
    """Its package calls itself MIT and the font OFL; what counts is what the font itself says."""
    content = files("paperang_p2_fonts_cjk").joinpath("fonts", "wqy-microhei.ttc").read_bytes()
    assert "Licensed under the Apache License, Version 2.0".encode("utf-16-be") in content


async def test_a_file_shows_names_of_many_scripts_and_says_what_it_cannot(tmp_path: Path) -> None:
    reader = program("pdftotext")
    for name, organization in (("full", "Łódź Ελλάδα Казначейство 东京 한국"), ("boxed", "Treasury 🙂🙂")):
        pages = PdfPages(tmp_path / f"{name}.pdf", title="Statement", organization=organization)
        pages.close(["A note of 東京"])
    full, boxed = [await asyncio.to_thread(read, [reader, "-layout", str(tmp_path / f"{name}.pdf"), "-"]) for name in ("full", "boxed")]
    assert full.count("Łódź Ελλάδα Казначейство 东京 한국") == 2 and "A note of 東京" in full and BOX not in full  # at the top and at the foot
    assert "Treasury □□" in boxed and " ".join(BOX_NOTE.split()) in " ".join(boxed.split())


def read(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_a_font_is_cut_for_one_file_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two at once would get the other's letters, or none: reportlab keeps in the font where it is in it."""
    inside, most = 0, 0
    cut = TTFontFile.makeSubset

    def watched(self: TTFontFile, subset: list[int]) -> bytes:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.01)  # long enough for another thread to come in, where one may
        inside -= 1
        content: bytes = cut(self, subset)
        return content

    def write(text: str) -> bytes:
        file = BytesIO()
        canvas = Canvas(file, invariant=True)
        pdf_fonts.draw(canvas, 50, 700, text, 12, 400)
        canvas.save()
        return file.getvalue()

    texts = [f"Łódź {number} Београд" for number in range(6)]
    alone = [write(text) for text in texts]
    monkeypatch.setattr(TTFontFile, "makeSubset", watched)
    with ThreadPoolExecutor(len(texts)) as threads:
        assert list(threads.map(write, texts)) == alone
    assert most == 1


def test_a_font_is_registered_once_however_many_ask_for_it_first() -> None:
    made, waiting = [], threading.Barrier(4)

    @pdf_fonts._once
    def register() -> object:
        time.sleep(0.01)
        made.append(object())
        return made[-1]

    def ask(_: int) -> object:
        waiting.wait(10)
        return register()

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(ask, range(4))) == set(made) and len(made) == 1
