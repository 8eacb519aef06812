"""What a model may say of the figures. It is told figures and labels, and not one word of a stranger; of what it answers, every number is looked for
among the figures of its topic, however it is written, and stands there as we write it. A sentence with any other number, in digits or in words, is
dropped. Pure.

The sentence is English by its form (the alphabet, the words for numbers): what is not is dropped too.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crypto_api.insights.sentences import Figure, Topic, Unit, shown

SAID_MAX = 400
SYSTEM = (
    "You write for an accountant. For each topic of the JSON, fill its field of the form with one or two plain English sentences around its figures."
    " Write every figure exactly as it is given, with its unit; no other number, in digits or in words, no rounding, no sums, no advice, no links."
    " Call counterparties and assets by the labels that are given. Leave out what you are not sure of."
)
SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}

_SAME = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "–": "-", "—": "-", "−": "-", "“": '"', "”": '"', "٫": ".", "٬": ","})
_FORBIDDEN = frozenset("<>{}[]|\\^~*_#@=+/&`")
_NUMBER = re.compile(r"\d+(?:[.,']\d+| \d{3}(?!\d))*")
_BEFORE = re.compile(r"(?:^|[ (\"])$")
_AFTER = re.compile(r"$|[ .,;:!?)\"](?!\d)")
_UNITS = ((re.compile(r" ?(?:%|per ?cent\b)"), Unit.SHARE), (re.compile(r" months?\b"), Unit.MONTHS), (re.compile(r" days?\b"), Unit.DAYS))
_COUNTED = re.compile(r" (?:[a-z]+ )?(?:movements?|transactions?|lots?|others?|payments?|counterparties)\b")
_LABEL = re.compile(r"\b((?i:counterparty|asset)) ([A-Z])\b")
_WORD = re.compile(r"[A-Za-z]+")
_CAPITALS = re.compile(r"\b[A-Z]{2,}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SHORT_WORDS = _words("a an as at be by do if in is it no of on or so to up us we i s")
_NUMBER_WORDS = _words(
    "zero one two three four five six seven eight nine ten eleven twelve forty fifty sixty eighty first second third thirds fourth fifth sixth "
    "seventh eighth ninth tenth once twice thrice half halves halved quarter quarters quartered double doubled doubles triple tripled treble "
    "quadruple quadrupled both pair couple score gross nil none nothing nobody minus negative plus times nearly almost approximately roughly "
    "mio mrd tsd null ein eine einen eins zwei drei vier funf fuenf sechs sieben acht neun zehn elf zwolf zwoelf halb halbe une deux trois "
    "quatre cinq sept huit neuf dix onze douze demi moitie uno una dos tres cuatro cinco seis siete ocho nueve diez doce mitad due tre quattro "
    "cinque sei sette otto nove dieci undici dodici mezzo dois quatro sete oito dez doze metade cent mil mila mille cien"
)
"""Of English, and of what else small models fall into: German, French, Spanish, Italian, Portuguese."""
_NUMBER_STEMS = _words(
    "teen twent thirt sevent ninet tieth hundred thousand million billion trillion milliard dozen fold lakh crore hundert tausend zwanzig "
    "dreissig vierzig sechzig achtzig neunzig vingt trente quarante cinquante soixante millier veint treinta cuarenta cincuenta sesenta cient "
    "trenta quaranta cinquanta sessanta cento migliai milhao milhoes"
)
_OTHER_MEASURES = _words(
    "year years yearly annual annually annualised annualized week weeks weekly daily hourly hour hours quarterly decade decades dollar dollars "
    "euro euros pound pounds yen franc francs cent cents bitcoin bitcoins ether gwei wei percent percentage"
)
_ADVICE = _words("should must ought recommend recommended advise advised consider urgent immediately click visit send transfer approve")
_NOT_EXACT = _words("about around over under above below than least most exceeding")
"""Directly before a figure."""
_RISES = _words("rose rise rises risen increase increased increases grew grown higher up more climbed jumped")
_FALLS = _words("fell fall falls fallen decrease decreased decreases shrank lower down less dropped declined reduced")


@dataclass(frozen=True, slots=True)
class _Written:
    """Where a figure stands with its unit."""

    start: int
    end: int
    figure: Figure


def form_of(topics: Iterable[Topic]) -> dict[str, Any]:
    """A field for each topic: what is said of one is held against its own figures alone."""
    fields = {one.name.value: {"type": "string", "maxLength": SAID_MAX} for one in topics}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def question_of(topics: Iterable[Topic], currency: str) -> dict[str, Any]:
    return {one.name.value: {figure.means: shown(figure, currency) for figure in one.figures} for one in topics}


def sentences_in(answer: Mapping[str, Any], topics: Iterable[Topic], currency: str) -> dict[str, str]:
    """By topic, of what can stand."""
    found = {one.name.value: checked(answer.get(one.name.value), one, currency) for one in topics}
    return {name: text for name, text in found.items() if text is not None}


def checked(said: object, topic: Topic, currency: str) -> str | None:
    """As it may be shown: each number in our writing, each label with the name it stands for. None where anything in it is not to be relied on."""
    if not isinstance(said, str) or len(said) > SAID_MAX or (plain := _plain(said)) is None:
        return None
    between, figures, at = [], [], 0
    for match in _NUMBER.finditer(plain):
        found = _written(plain, match, topic.figures, currency)
        if found is None or found.start < at:
            return None
        between.append(plain[at : found.start])
        figures.append(shown(found.figure, currency))
        at = found.end
    between.append(plain[at:])
    if not figures or not _harmless(between, topic, currency):
        return None
    return "".join(_named(words, topic.names) + figure for words, figure in zip(between, [*figures, ""], strict=True))


def _plain(said: str) -> str | None:
    """ASCII, and digits of any script as ours. None for what is written otherwise: a fraction, a numeral, an invisible mark, a link."""
    found = []
    for char in " ".join(said.translate(_SAME).split()):
        if unicodedata.category(char) == "Nd":
            found.append(str(unicodedata.decimal(char)))
        elif char in SIGNS or (char.isascii() and char.isprintable() and char not in _FORBIDDEN):
            found.append(char)
        else:
            return None
    return "".join(found)


# ---- numbers ---------------------------------------------------------------------------------------------------------------------


def _written(plain: str, match: re.Match[str], figures: Sequence[Figure], currency: str) -> _Written | None:
    """The one figure that a number and what stands about it can mean."""
    start, end, units = match.start(), match.end(), {Unit.MONEY, Unit.COUNT}
    if start and plain[start - 1] in SIGNS:
        if SIGNS[plain[start - 1]] != currency:
            return None
        start, units = start - 1, {Unit.MONEY}
    elif plain[:start].endswith(f"{currency} "):
        start, units = start - len(currency) - 1, {Unit.MONEY}
    if code := re.compile(rf" ?{re.escape(currency)}\b").match(plain, end):
        end, units = code.end(), units & {Unit.MONEY}
    for pattern, unit in _UNITS:
        if named := pattern.match(plain, end):
            end, units = named.end(), {unit} if units == {Unit.MONEY, Unit.COUNT} else set()
    if _COUNTED.match(plain, end):
        units &= {Unit.COUNT}
    if not _BEFORE.search(plain[:start]) or not _AFTER.match(plain, end):
        return None
    values = readings(match.group())
    found = {(one.value, one.unit): one for one in figures if one.unit in units and one.value in values}
    return _Written(start, end, *found.values()) if len(found) == 1 else None


def readings(written: str) -> set[Decimal]:
    """What a number can mean in any country's writing: `1.234` is 1234 and 1.234. Groups are of three, or, as in India,
    of two before the last three."""
    found = set()
    for mark in ("", ".", ","):
        if mark and written.count(mark) != 1:
            continue
        whole, _, fraction = written.partition(mark) if mark else (written, "", "")
        separators = set(whole) - set("0123456789")
        if len(separators) > 1 or not (fraction.isdigit() if mark else True):
            continue
        groups = whole.split(separators.pop()) if separators else [whole]
        if len(groups) == 1 or _grouped(groups):
            found.add(Decimal("".join(groups) + (f".{fraction}" if mark else "")))
    return found


def _grouped(groups: Sequence[str]) -> bool:
    first, *between, last = [len(one) for one in groups]
    western = 1 <= first <= 3 and all(length == 3 for length in between)
    indian = 1 <= first <= 2 and all(length == 2 for length in between)
    return last == 3 and (western or indian)


# ---- words -----------------------------------------------------------------------------------------------------------------------


def _harmless(between: Sequence[str], topic: Topic, currency: str) -> bool:
    """Of what stands between the figures: no number in words, no other measure, no advice, and no way that the figures did not go."""
    text = " ".join(between)
    words = [word.lower() for word in _WORD.findall(text)]
    labels = {_label(match) for match in _LABEL.finditer(text)}
    bare = [word.lower() for word in _WORD.findall(_LABEL.sub(" ", text))]
    contrary = frozenset() if topic.rises is None else _FALLS if topic.rises else _RISES
    return not (
        not labels <= topic.names.keys()
        or set(text) & {*SIGNS, "%"}
        or any(len(word) <= 2 and word not in _SHORT_WORDS for word in bare)
        or any(word in _NUMBER_WORDS or word in _OTHER_MEASURES or word in _ADVICE or word in contrary for word in words)
        or any(stem in word for word in words for stem in _NUMBER_STEMS)
        or any(capitals != currency for capitals in _CAPITALS.findall(text))
        or any((before := _WORD.findall(part)) and before[-1].lower() in _NOT_EXACT for part in between[:-1])
    )


def _named(text: str, names: Mapping[str, str]) -> str:
    return _LABEL.sub(lambda match: names[_label(match)], text)


def _label(match: re.Match[str]) -> str:
    return f"{match.group(1).lower()} {match.group(2)}"
