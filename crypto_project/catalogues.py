"""The catalogues of languages as Django reads them: `.mo` out of `.po` (GNU gettext manual, "The Format of GNU MO Files"), where they are missing
or older. In Python, since an installation need not have the programs of gettext."""

import re
import struct
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path

LOCALES = Path(__file__).resolve().parent.parent / "crypto_api" / "dashboard" / "locale"
MAGIC, HEADER_BYTES = 0x950412DE, 28
_FIELD = re.compile(r'(msgid_plural|msgid|msgstr)(?:\[(\d)\])?\s+(".*")')


class BadCatalogue(ValueError):
    """A line of a catalogue that is none."""


def ensure_catalogues() -> None:
    """OSError where something is to be made in a folder that cannot be written."""
    for source in sorted(LOCALES.glob("*/LC_MESSAGES/django.po")):
        compiled, content = source.with_suffix(".mo"), to_mo(source.read_text())
        if not compiled.exists() or compiled.read_bytes() != content:
            part = compiled.with_suffix(".mo.part")
            part.write_bytes(content)
            part.replace(compiled)  # another process may read it right now


def messages(text: str) -> Iterator[tuple[str, str | None, list[str]]]:
    """(message, its plural, translations) in the order of the file, the header as the empty message."""
    for block in re.split(r"\n\s*\n", text.strip()):
        fields: dict[str, str] = {}
        at = ""
        for line in filter(None, (line.strip() for line in block.split("\n"))):
            if line.startswith("#"):
                continue
            found = _FIELD.fullmatch(line)
            if found:
                at = found[1] + (found[2] or "")
                fields[at] = literal_eval(found[3])
            elif at and line.startswith('"'):
                fields[at] += literal_eval(line)
            else:
                raise BadCatalogue(line)
        if fields:
            told = [fields[name] for name in sorted(fields) if name.startswith("msgstr")]
            yield fields["msgid"], fields.get("msgid_plural"), told


def to_mo(text: str) -> bytes:
    """What is not translated is left out, so that the original stands."""
    pairs = sorted(
        ("\0".join(filter(None, (one, plural))).encode() if plural else one.encode(), "\0".join(told).encode())
        for one, plural, told in messages(text)
        if all(told)
    )
    keys = b"".join(key + b"\0" for key, _ in pairs)
    values = b"".join(value + b"\0" for _, value in pairs)
    count, begin = len(pairs), HEADER_BYTES + 16 * len(pairs)
    tables = _table([key for key, _ in pairs], begin) + _table([value for _, value in pairs], begin + len(keys))
    return struct.pack("<7I", MAGIC, 0, count, HEADER_BYTES, HEADER_BYTES + 8 * count, 0, 0) + tables + keys + values


def _table(texts: list[bytes], begin: int) -> bytes:
    found = b""
    for text in texts:
        found += struct.pack("<2I", len(text), begin)
        begin += len(text) + 1
    return found
