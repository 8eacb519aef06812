"""Why a token movement is spam. Pure; every text that comes in here was written by a stranger.

What really moved an amount of a listed asset is never spam, whoever sent it: it changed a balance, and the books follow the chain.
`look_alike_of` says when its counterparty should still never be copied.
"""

import re
import unicodedata
from functools import lru_cache

_TEXT_MAX = 256  # a name of a megabyte is judged by its beginning
_ADDRESS_ENDS = 4  # hexadecimal digits that wallets show at either end, and that a poisoner grinds for

# Letters that read as Latin ones (after Unicode TR39), each followed by what it reads as; compared in lower case. I, l, 1 and | are one shape.
_CYRILLIC = "аa вb сc ԁd еe ёe ғf ԍg һh нh іl їl јj кk қk ӏl мm пn оo рp ԛq гr ѕs тt цu ѵv ԝw шw хx уy үy зe єe ьb ъb бb ѡw ҫc өo ѳo ԼL ӡz"
_GREEK = "αa βb ϲc ϹC εe ηh ιl κk μm νv οo ρp σo ςs τt υu χx γy ωw ζz δd λa θo φo"
_ARMENIAN = "օo տs սu ցg հh ոn զq քp եe լl յj ռn"
_CHEROKEE = "Ꭰd Ꭱr Ꭲt Ꭺa Ꭻj Ꭼe Ꮃw Ꮇm Ꮋh Ꮐg Ꮓz Ꮖl Ꮪs Ꮮl Ꮯc Ꮲp Ꮶk Ꮷd Ᏼb Ꮩv Ꭹy Ꮟb"
_LISU = "ꓐb ꓑp ꓓd ꓔt ꓖg ꓗk ꓙj ꓚc ꓜz ꓝf ꓟm ꓠn ꓡl ꓢs ꓣr ꓦv ꓧh ꓪw ꓫx ꓬy ꓮa ꓰe ꓲl ꓳo ꓴu"
_COPTIC = "ⲟo ⲣp ⲥc ⲧt ⲩy ⲭx ⲁa ⲕk ⲙm ⲛn ⲏh ⲓl ⲃb ⲉe"
_SIGNS = "0o 1l |l !l il 3e 4a 5s 8b $s €e ₮t ₿b @a ¢c ıl ſs ǀl ∣l ×x ∅o ○o ●o ◯o"
_READS_AS = {ord(pair[0].casefold()): pair[1].lower() for pair in f"{_CYRILLIC} {_GREEK} {_ARMENIAN} {_CHEROKEE} {_LISU} {_COPTIC} {_SIGNS}".split()}
_LATIN_NAME = re.compile(r"\b(?:LATIN (?:CAPITAL|SMALL|LETTER SMALL CAPITAL)(?: LETTER)?|SYMBOL LETTER) ([A-Z])\b")  # ᴜ, 🅤, 🇺, Ʉ
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Mn", "Me", "Zs", "Zl", "Zp"})
_LINK = re.compile(r"https?:|www\.|(?<![a-z0-9])[a-z0-9][a-z0-9-]{0,62}\s?\.\s?[a-z]{2,24}(?![a-z0-9])")


def spam_reason(
    *,
    listed: bool,
    symbol: str,
    name: str,
    raw_amount: int,
    incoming: bool,
    sent_by_us: bool,
    listed_symbols: frozenset[str],
    counterparty: str,
    known_addresses: frozenset[str],
) -> str | None:
    """Why the movement is shown apart and never booked, as a sentence; None when nothing speaks against it. Addresses in any case of letters."""
    if raw_amount == 0:
        return None if sent_by_us else _poisoning(counterparty, known_addresses)
    if listed:
        return None
    if (meant := reads_as_listed(symbol, listed_symbols)) is not None:
        return f"Its symbol reads as {meant}, but it is another contract."
    if _has_link(name) or _has_link(symbol):
        return "Its name or symbol carries a link: bait."
    if look_alike_of(counterparty, known_addresses) is not None:
        return "It comes with an address that only looks like one you know (address poisoning)."
    if sent_by_us:
        return None
    return (
        "A token that is not listed came unasked." if incoming else "Its contract claims a transfer out of this wallet that the wallet did not send."
    )


def reads_as_listed(symbol: str, listed_symbols: frozenset[str]) -> str | None:
    """The listed symbol that `symbol` would be read as, also when it is spelt the same; None for any other."""
    shape = skeleton(symbol)
    return next((listed for listed in sorted(listed_symbols) if shape == skeleton(listed)), None)


def look_alike_of(address: str, known_addresses: frozenset[str]) -> str | None:
    """The known address that has the same first and last 4 digits as `address` without being it."""
    wanted = address.lower()
    if any(known.lower() == wanted for known in known_addresses):
        return None
    return next((known for known in sorted(known_addresses) if ends_of(known) == ends_of(address)), None)


@lru_cache(maxsize=4096)
def skeleton(text: str) -> str:
    """What a reader takes the text for: no invisible, bidirectional or combining characters, one case, one letter for each shape."""
    visible = (char for char in unicodedata.normalize("NFKD", text[:_TEXT_MAX]) if unicodedata.category(char) not in _INVISIBLE)
    folded = unicodedata.normalize("NFKC", "".join(visible)).casefold()
    return "".join(_shape(char) for char in folded).replace("rn", "m").replace("vv", "w")


def _shape(char: str) -> str:
    if (read := _READS_AS.get(ord(char))) is not None:
        return read
    if char.isascii():
        return char
    latin = _LATIN_NAME.search(unicodedata.name(char, ""))
    letter = latin.group(1).lower() if latin else char
    return _READS_AS.get(ord(letter), letter)


def _has_link(text: str) -> bool:
    folded = unicodedata.normalize("NFKC", text[:_TEXT_MAX])
    return _LINK.search("".join(char for char in folded if unicodedata.category(char) not in {"Cf", "Cc", "Mn"}).casefold()) is not None


def _poisoning(counterparty: str, known_addresses: frozenset[str]) -> str:
    if look_alike_of(counterparty, known_addresses) is not None:
        return "A transfer of nothing from an address that only looks like one you know (address poisoning)."
    return "A transfer of nothing that this wallet did not send (address poisoning)."


def ends_of(address: str) -> tuple[str, str]:
    """What a wallet shows of it."""
    digits = address.lower().removeprefix("0x")
    return digits[:_ADDRESS_ENDS], digits[-_ADDRESS_ENDS:]
