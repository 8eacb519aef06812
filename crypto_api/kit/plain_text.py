"""Text that strangers wrote, made harmless to show: nothing in it can hide, turn the direction of writing, or break a line."""

import unicodedata

_SEPARATORS = frozenset({"Zl", "Zp"})


def clean(value: str, length_max: int) -> str:
    """Without control, bidirectional and other invisible characters, cut to a length."""
    visible = (char for char in value[: length_max * 4] if unicodedata.category(char)[0] != "C" and unicodedata.category(char) not in _SEPARATORS)
    return "".join(visible)[:length_max]
