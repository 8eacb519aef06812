"""The catalogues of languages as Django reads them: one `django.mo` out of all `.po` of a language (GNU gettext manual, "The Format of GNU MO
Files"), where it is missing or older. In Python, since an installation need not have the programs of gettext.

A language has one `.po` for each part of the dashboard, so that whoever works on one reads a file of that part; `django.po` is the frame and what
more than one part says, and has the header."""

import hashlib
import re
import struct
from ast import literal_eval
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from crypto_api.kit.languages import LOCALES

MAGIC, HEADER_BYTES = 0x950412DE, 28
IN_CONTEXT = "\x04"  # between a context and its message (GNU MO): "open" is a thing to do, and a state
_FIELD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d)\])?\s+(".*")')


class BadCatalogue(ValueError):
    """A line of a catalogue that is none, or one text that two parts tell in two ways."""


def ensure_catalogues() -> None:
    """OSError where something is to be made in a folder that cannot be written. Costs a few reads where it was made of the same before."""
    for source in sorted(LOCALES.glob("*/LC_MESSAGES/django.po")):
        compiled, stamp, wanted = source.with_suffix(".mo"), source.with_suffix(".mo.made-from"), _made_from(source.parent)
        if compiled.exists() and stamp.exists() and stamp.read_text() == wanted:
            continue
        content = to_mo(read_parts(source.parent))
        if not compiled.exists() or compiled.read_bytes() != content:
            _put(compiled, content)
        with suppress(OSError):  # it only saves time
            _put(stamp, wanted.encode())


def _made_from(folder: Path) -> str:
    """What its parts hold, and how they are compiled."""
    seen = hashlib.sha256(Path(__file__).read_bytes())
    for source in _parts(folder):
        seen.update(source.read_bytes())
    return seen.hexdigest()


def _put(file: Path, content: bytes) -> None:
    part = file.with_suffix(file.suffix + ".part")
    part.write_bytes(content)
    part.replace(file)  # another process may read it right now


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.po"), key=lambda source: (source.stem != "django", source.stem))


def read_parts(folder: Path) -> str:
    """All parts of one language as one catalogue, `django.po` first. BadCatalogue where two parts tell one text in two ways."""
    text = "\n\n".join(source.read_text().strip() for source in _parts(folder))
    told_by: dict[str, list[str]] = {}
    for one, _, told in messages(text):
        if told_by.setdefault(one, told) != told:
            raise BadCatalogue(f"{one!r} is told as {told_by[one]} and as {told}")
    return text


def messages(text: str) -> Iterator[tuple[str, str | None, list[str]]]:
    """(message, its plural, translations) in the order of the file, the header as the empty message. A message with a context has that before it."""
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
            context = fields["msgctxt"] + IN_CONTEXT if "msgctxt" in fields else ""
            yield context + fields["msgid"], fields.get("msgid_plural"), told


def to_mo(text: str) -> bytes:
    """What is not translated is left out, so that the original stands."""
    pairs = sorted(
        {
            ("\0".join(filter(None, (one, plural))).encode() if plural else one.encode(), "\0".join(told).encode())
            for one, plural, told in messages(text)
            if all(told)
        }
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
