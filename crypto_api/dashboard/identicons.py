"""A small picture of an address, so that the eye meets it again before it has read it.

It is the picture that Ethereum wallets and explorers draw ("blockies": eight by eight squares, mirrored, in three colours, from a xorshift generator
that the lower-case address seeds), so that people know it from there. Somebody can search for an address with a similar picture as for one with the
same ends: it helps to find, and proves nothing, which is why it never stands without the address."""

from collections.abc import Iterator
from functools import lru_cache

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

SIZE = 8
_MASK = 0xFFFFFFFF
_UNIT = 2**31


class _Stream:
    """xorshift128 over four words of 32 bits, as JavaScript counts in them."""

    def __init__(self, seed: str) -> None:
        self._state = [0, 0, 0, 0]
        for place, mark in enumerate(seed):
            word = self._state[place % 4]
            self._state[place % 4] = ((word << 5) - word + ord(mark)) & _MASK

    def next(self) -> float:
        """0..1: shifted with its sign, each word cancels its own highest bit, so that 31 are left."""
        first, *rest, last = self._state
        mixed = (first ^ (first << 11)) & _MASK
        new = (last ^ (_signed(last) >> 19) ^ mixed ^ (_signed(mixed) >> 8)) & _MASK
        self._state = [*rest, last, new]
        return new / _UNIT

    def colour(self) -> str:
        """Hue, saturation and lightness as they come, the last two cut at 100 %, as CSS cuts them; made RGB by hslToRgb of CSS Color 4."""
        hue = int(self.next() * 360) % 360
        saturation = min(self.next() * 60 + 40, 100) / 100
        lightness = min(sum(self.next() for _ in range(4)) * 25, 100) / 100
        reach = saturation * min(lightness, 1 - lightness)

        def channel(offset: int) -> int:
            at = (offset + hue / 30) % 12
            return round((lightness - reach * max(-1.0, min(at - 3, 9 - at, 1.0))) * 255)

        return f"#{channel(0):02x}{channel(8):02x}{channel(4):02x}"


def _signed(word: int) -> int:
    return word - 2**32 if word >= 2**31 else word


def pattern(address: str) -> tuple[tuple[str, str, str], list[str]]:
    """(ground, colour, spot), and eight rows of eight digits that say which of them a square has."""
    stream = _Stream(address.lower())
    colour, ground, spot = stream.colour(), stream.colour(), stream.colour()
    rows = []
    for _ in range(SIZE):
        half = "".join(str(int(stream.next() * 2.3)) for _ in range(SIZE // 2))
        rows.append(half + half[::-1])
    return (ground, colour, spot), rows


@lru_cache(maxsize=4096)
def identicon(address: str) -> SafeString:
    """As an inline SVG: no request, no script and no style of its own."""
    (ground, *colours), rows = pattern(address)
    paths = ((colour, "".join(_squares(rows, str(place)))) for place, colour in enumerate(colours, start=1))
    return format_html(
        '<svg class="identicon" viewBox="0 0 8 8" shape-rendering="crispEdges" aria-hidden="true" focusable="false">'
        '<path fill="{}" d="M0 0h8v8H0z"/>{}</svg>',
        ground,
        format_html_join("", '<path fill="{}" d="{}"/>', paths),
    )


def _squares(rows: list[str], wanted: str) -> Iterator[str]:
    for y, row in enumerate(rows):
        for x, square in enumerate(row):
            if square == wanted:
                yield f"M{x} {y}h1v1h-1z"
