"""Zip archives of strangers: read in memory, within bounds, nothing ever written to a disk.

What an archive says of its sizes is not believed: reading stops at the bound itself. Paths that lead out, links, encrypted files and names that are
there twice are refused (CWE-22, CWE-409).
"""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PATH_MAX = 200
DEPTH_MAX = 16
_CHUNK = 65_536
_SEGMENT = re.compile(r"[A-Za-z0-9_.@+()\[\] -]+", re.ASCII)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ArchiveRefused(Exception):
    """With why, as it follows the name of what was sent."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class Bounds:
    entries: int  # names of files and folders, wanted or not
    files: int  # that are wanted
    bytes: int  # of all that are wanted together, unpacked
    ratio: int  # unpacked to packed, of the whole


def safe_path(path: str) -> bool:
    """Whether it is a plain relative path of few plain segments, none of them `.` or `..`."""
    segments = path.split("/")
    if not 0 < len(path) <= PATH_MAX or len(segments) > DEPTH_MAX:
        return False
    return all(_SEGMENT.fullmatch(part) and part.strip(" .") for part in segments)


def unpack(content: bytes, wanted: Callable[[str], bool], bounds: Bounds) -> dict[str, bytes]:
    """The `wanted` files by their paths. ArchiveRefused."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            chosen = _chosen(archive, wanted, bounds)
            left, found = min(bounds.bytes, len(content) * bounds.ratio), {}
            for info in chosen:
                found[info.filename] = b"".join(_read(archive, info, left))
                left -= len(found[info.filename])
            return found
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError) as error:
        raise ArchiveRefused("invalid_archive", "is no zip archive that can be read") from error


def _chosen(archive: zipfile.ZipFile, wanted: Callable[[str], bool], bounds: Bounds) -> list[zipfile.ZipInfo]:
    rows = archive.infolist()
    if len(rows) > bounds.entries:
        raise ArchiveRefused("too_many_files", f"holds more than {bounds.entries:,} files and folders")
    names = set()
    for info in rows:
        if not safe_path(info.filename.removesuffix("/")):
            raise ArchiveRefused("unsafe_path", "holds a path that is not a plain one below its top folder")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArchiveRefused("not_a_file", f"holds {info.filename}, which is a link or no file")
        if info.filename in names:
            raise ArchiveRefused("repeated", f"holds {info.filename} twice")
        names.add(info.filename)
    chosen = [info for info in rows if not info.is_dir() and wanted(info.filename)]
    if len(chosen) > bounds.files:
        raise ArchiveRefused("too_many_files", f"holds more than {bounds.files:,} source files")
    for info in chosen:
        if info.flag_bits & 0x1:
            raise ArchiveRefused("encrypted", f"holds {info.filename}, which is encrypted")
        if info.compress_type not in _METHODS:
            raise ArchiveRefused("invalid_archive", f"holds {info.filename}, which is packed in a way that is not read here")
    return chosen


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, left: int) -> Iterator[bytes]:
    with archive.open(info) as file:
        while chunk := file.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise ArchiveRefused("too_long", "unpacks to more than it may")
            yield chunk
