"""Text that strangers wrote, made harmless to show: nothing in it can hide, turn the direction of writing, or break a line."""

import unicodedata

QUOTED_MAX = 40
_SEPARATORS = frozenset({"Zl", "Zp"})


def clean(value: str, length_max: int) -> str:
    """Without control, bidirectional and other invisible characters, cut to a length."""
    visible = (char for char in value[: length_max * 4] if unicodedata.category(char)[0] != "C" and unicodedata.category(char) not in _SEPARATORS)
    return "".join(visible)[:length_max]


def quoted(name: str) -> str:
    """A stranger's name, so that nobody takes it for a part of the sentence."""
    plain = clean(" ".join(name.replace("\N{LEFT DOUBLE QUOTATION MARK}", "").replace("\N{RIGHT DOUBLE QUOTATION MARK}", "").split()), QUOTED_MAX + 1)
    return f"\N{LEFT DOUBLE QUOTATION MARK}{plain if len(plain) <= QUOTED_MAX else plain[: QUOTED_MAX - 1] + '…'}\N{RIGHT DOUBLE QUOTATION MARK}"
