"""Text for PDF files in the fonts that every reader has."""


def shown(text: str) -> str:
    """What the fonts that every reader of PDF has can show; another character is told by its name in Unicode's numbers, never left out."""
    return "".join(letter if letter.encode("cp1252", "ignore") else f"[U+{ord(letter):04X}]" for letter in text)
