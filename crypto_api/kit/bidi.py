"""In which order the letters of a line stand when scripts written from right to left are in it: the Unicode Bidirectional Algorithm (UAX 9).

Without its explicit formatting characters (rules X): texts of ours hold none, since whatever is invisible is shown as a box. Each level is even where
letters go from left to right, odd where they go from right to left.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

Level = int
_PAIRS = (
    "()[]{}\u2045\u2046\u2308\u2309\u230a\u230b\u2329\u232a\u27e8\u27e9"
    "\u3008\u3009\u300a\u300b\u300c\u300d\u300e\u300f\u3010\u3011\uff08\uff09\uff3b\uff3d\uff5b\uff5d"
)
_SAME = str.maketrans("\u2329\u232a", "\u3008\u3009")  # canonical equivalents (BD16)
_CLOSING = dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True))
_OPEN_MAX = 63  # BD16
_NEUTRAL = frozenset({"B", "S", "WS", "ON"})
_TO_THE_LEFT = frozenset({"R", "AN", "EN"})


def base_level(text: str) -> Level:
    """By the first letter that has a direction (P2, P3); 0 where none has."""
    return next((int(kind != "L") for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL")), 0)


def levels(text: str) -> list[Level]:
    """Of each character of a paragraph."""
    base = base_level(text)
    kinds = _weak(text, "R" if base else "L")
    _brackets(text, kinds, base)
    _neutral(kinds, base)
    if base:
        return [1 if kind == "R" else 2 for kind in kinds]  # I2
    return [{"L": 0, "R": 1}.get(kind, 2) for kind in kinds]  # I1


def of_line(text: str, found: Sequence[Level], base: Level) -> list[Level]:
    """Blanks at its end belong to the paragraph (L1)."""
    end = len(text.rstrip())
    return [*found[:end], *[base] * (len(text) - end)]


def visual_order(found: Sequence[Level]) -> list[int]:
    """Places in the order in which they stand from left to right (L2)."""
    order = list(range(len(found)))
    for level in range(max(found, default=0), 0, -1):
        at = 0
        for inside, group in groupby([found[place] >= level for place in order]):
            length = len(list(group))
            if inside:
                order[at : at + length] = reversed(order[at : at + length])
            at += length
    return order


def _weak(text: str, start: str) -> list[str]:
    """W1 to W7: what is left is L, R, EN, AN and neutral."""
    kinds = [unicodedata.bidirectional(letter) or "L" for letter in text]
    before, strong = start, start
    for at, kind in enumerate(kinds):  # W1 to W3
        if kind in ("NSM", "BN"):
            kind = before
        before = kind
        if kind in ("L", "R", "AL"):
            strong = kind
        kinds[at] = "AN" if kind == "EN" and strong == "AL" else kind
    kinds = ["R" if kind == "AL" else kind for kind in kinds]
    for at in range(1, len(kinds) - 1):  # W4
        left, right = kinds[at - 1], kinds[at + 1]
        if left == right and ((kinds[at] == "CS" and left in ("EN", "AN")) or (kinds[at] == "ES" and left == "EN")):
            kinds[at] = left
    for first, last in _stretches(kinds, frozenset({"ET"})):  # W5
        if "EN" in (kinds[first - 1] if first else "", kinds[last] if last < len(kinds) else ""):
            kinds[first:last] = ["EN"] * (last - first)
    strong = start
    for at, kind in enumerate(kinds):  # W6, W7
        if kind in ("L", "R"):
            strong = kind
        elif kind in ("ES", "ET", "CS"):
            kinds[at] = "ON"
        elif kind == "EN" and strong == "L":
            kinds[at] = "L"
    return kinds


def _brackets(text: str, kinds: list[str], base: Level) -> None:
    """N0: both of a pair go with what they enclose."""
    own, other = ("R", "L") if base else ("L", "R")
    for first, last in _bracket_pairs(text.translate(_SAME), kinds):
        inside = {_side(kind) for kind in kinds[first + 1 : last]}
        if own in inside:
            side = own
        elif other in inside:
            side = next((found for kind in reversed(kinds[:first]) if (found := _side(kind))), own)
        else:
            continue
        for place in (first, last):
            kinds[place] = side
            while place + 1 < len(text) and unicodedata.bidirectional(text[place + 1]) == "NSM":
                place += 1
                kinds[place] = side


def _bracket_pairs(text: str, kinds: Sequence[str]) -> list[tuple[int, int]]:
    opened, pairs = list[tuple[str, int]](), list[tuple[int, int]]()
    for at, letter in enumerate(text):
        if kinds[at] != "ON":
            continue
        if letter in _CLOSING:
            if len(opened) == _OPEN_MAX:
                return []
            opened.append((_CLOSING[letter], at))
        elif (found := next((place for place in reversed(range(len(opened))) if opened[place][0] == letter), None)) is not None:
            pairs.append((opened[found][1], at))
            del opened[found:]
    return sorted(pairs)


def _neutral(kinds: list[str], base: Level) -> None:
    """N1, N2: between two of one direction as they, else as the paragraph."""
    own = "R" if base else "L"
    for first, last in _stretches(kinds, _NEUTRAL):
        left = _side(kinds[first - 1]) if first else own
        right = _side(kinds[last]) if last < len(kinds) else own
        kinds[first:last] = [left if left == right else own] * (last - first)


def _side(kind: str) -> str:
    return "L" if kind == "L" else "R" if kind in _TO_THE_LEFT else ""


def _stretches(kinds: Sequence[str], of: frozenset[str]) -> Iterator[tuple[int, int]]:
    """(first, behind the last) of what stands there together."""
    at = 0
    for inside, group in groupby(list(kinds), key=of.__contains__):
        length = len(list(group))
        if inside:
            yield at, at + length
        at += length
