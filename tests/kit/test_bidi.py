"""The order of letters in lines with scripts from right to left, against the implementation that browsers of Servo have."""

import unicodedata

from bidi import get_display
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto_api.kit import bidi

LETTERS = "abZé漢אבגשעربيةفا٣٤123456.,:+-/%$€#()[]{}〈〉\u2329\u232a《》「」 \u0301\u05b4\u064e!?&\"'\u25a1"


def shown(text: str) -> str:
    found = bidi.of_line(text, bidi.levels(text), bidi.base_level(text))
    return "".join(text[place] for place in bidi.visual_order(found))


@settings(max_examples=2_000, deadline=None)
@given(st.text(alphabet=LETTERS, max_size=24))
@example("Treasury שלום (12) abc")
@example('חברה (ABC) בע"מ, 1-2')
@example("שלום [12,5%] שלום)")
@example("a(ب)\u064e,3")
@example("(א" * 64 + ")" * 64)
def test_letters_stand_where_another_implementation_puts_them(text: str) -> None:
    assert shown(text) == get_display(text)


def test_a_long_run_of_signs_takes_no_time_and_no_stack() -> None:
    text = "א" + "." * 20_000 + "a" + "(" * 20_000
    assert len(bidi.levels(text)) == len(text) and bidi.levels("") == []
    assert all(unicodedata.bidirectional(letter) for letter in LETTERS)
