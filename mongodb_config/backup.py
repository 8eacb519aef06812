"""A backup of one database in one file, as of one moment, and its way back. It knows no domain.

The file is a tar of `<collection>.bson.gz`, in the form in which MongoDB stores rows, and a `manifest.json` that names each with its number of rows
and its SHA-256. It is read in one transaction, so that it shows one moment; a MongoDB ends those after a minute, and whose database takes longer
uses its own `mongodump --oplog`.
"""

import gzip
import hashlib
import json
import os
import tarfile
import tempfile
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

from bson import decode_file_iter
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from mongodb_config import leases, migrations, presence
from mongodb_config.client import Database
from mongodb_config.probe import UnfitServer
from mongodb_config.unit_of_work import Session, UnitOfWork

FORMAT = 1
MANIFEST = "manifest.json"
RESTORING = "restoring"
"""A row stands there from before the first row is put back until after the last: whoever meets it does not start."""
OF_THE_MOMENT = frozenset({leases.COLLECTION, presence.COLLECTION, RESTORING})
"""Who works right now: of no use to whoever comes back."""
BATCH = 1_000
_RAW = CodecOptions(document_class=RawBSONDocument)


class BadBackup(Exception):
    """The file is not whole, or not of this product; what differs is in the message."""


class NotEmpty(Exception):
    """There is something where the backup should go."""


class BackupFailed(Exception):
    """It could not be read in one moment."""


@dataclass(frozen=True)
class Part:
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    taken_at: datetime
    schema: int  # how many migrations the database had seen
    parts: dict[str, Part]  # by collection

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts.values())


# ---- there -----------------------------------------------------------------------------------------------------------------------


async def write_backup(uow: UnitOfWork, database: Database, path: Path) -> Manifest:
    """The file is there whole or not at all, and for its owner alone: it holds everything. FileExistsError, BackupFailed."""
    if path.exists():  # noqa: ASYNC240  this process does nothing else
        raise FileExistsError(path)
    names = sorted(name for name in await database.list_collection_names() if name not in OF_THE_MOMENT and not name.startswith("system."))

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as folder:

        async def work(session: Session) -> Manifest:
            parts = {name: await _write_part(database, name, Path(folder, f"{name}.bson.gz"), session) for name in names}
            state = await database[migrations.COLLECTION].find_one({}, session=session)
            return Manifest(datetime.now(UTC), state["position"] if state else 0, parts)

        try:
            manifest = await uow.run(work)
        except PyMongoError as error:
            told = f"the database could not be read in one moment ({str(error)[:120]})"
            raise BackupFailed(f"{told}; a large one is backed up with mongodump --oplog") from error
        _pack(Path(folder), manifest, path)
        return manifest


async def _write_part(database: Database, name: str, file: Path, session: Session) -> Part:
    rows, seen = 0, hashlib.sha256()
    with gzip.open(file, "wb", compresslevel=3) as packed:
        collection: AsyncCollection[RawBSONDocument] = database.get_collection(name, codec_options=_RAW)  # type: ignore[assignment]
        async for row in collection.find({}, session=session, batch_size=BATCH):
            packed.write(row.raw)
            seen.update(row.raw)
            rows += 1
    return Part(rows, seen.hexdigest())


def _pack(folder: Path, manifest: Manifest, path: Path) -> None:
    told = {
        "format": FORMAT,
        "taken_at": manifest.taken_at.isoformat(),
        "schema": manifest.schema,
        "parts": {name: vars(part) for name, part in manifest.parts.items()},
    }
    (folder / MANIFEST).write_text(json.dumps(told, indent=1))
    whole = folder / "whole.tar"
    with tarfile.open(whole, "w") as tar:
        for name in (MANIFEST, *(f"{collection}.bson.gz" for collection in manifest.parts)):
            tar.add(folder / name, arcname=name)
    whole.chmod(0o600)
    with whole.open("rb") as written:
        os.fsync(written.fileno())
    os.link(whole, path)  # FileExistsError where somebody else was first


# ---- and back --------------------------------------------------------------------------------------------------------------------


def read_manifest(path: Path) -> Manifest:
    """Reads the whole file and compares every part with what the manifest says of it. BadBackup."""
    try:
        with tarfile.open(path, "r:") as tar:
            manifest = _manifest(tar)
            held, wanted = {member.name for member in tar.getmembers()}, {MANIFEST, *(f"{name}.bson.gz" for name in manifest.parts)}
            if held != wanted:
                raise BadBackup(f"the file should hold {len(wanted)} parts, and differs in {', '.join(sorted(held ^ wanted))[:200]}")
            for name, part in manifest.parts.items():
                if (there := _part(tar, name)) != part:
                    raise BadBackup(f"{name} is not as it was written: {there.rows} rows of {part.rows}")
            return manifest
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, BSONError) as error:
        raise BadBackup(f"{path.name} is no whole backup: {error}") from error


def _part(tar: tarfile.TarFile, name: str) -> Part:
    seen, rows = hashlib.sha256(), 0
    for row in _rows(tar, name):
        seen.update(row.raw)
        rows += 1
    return Part(rows, seen.hexdigest())


def _manifest(tar: tarfile.TarFile) -> Manifest:
    try:
        told = json.loads(_member(tar, MANIFEST).read())
        if told["format"] != FORMAT:
            raise BadBackup(f"its form is {told['format']}, and this release reads {FORMAT}")
        parts = {name: Part(int(part["rows"]), str(part["sha256"])) for name, part in told["parts"].items()}
        return Manifest(datetime.fromisoformat(told["taken_at"]), int(told["schema"]), parts)
    except (KeyError, ValueError, TypeError) as error:
        raise BadBackup(f"its manifest cannot be read: {error}") from error


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        found = tar.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        raise BadBackup(f"it has no {name}")
    return found


def _rows(tar: tarfile.TarFile, name: str) -> Iterator[RawBSONDocument]:
    with gzip.GzipFile(fileobj=_member(tar, f"{name}.bson.gz")) as packed:
        yield from decode_file_iter(cast("IO[bytes]", packed), codec_options=_RAW)


@asynccontextmanager
async def restored(database: Database, path: Path, manifest: Manifest) -> AsyncIterator[None]:
    """Puts every row back into an empty database; what is done inside belongs to it. Until the end no process starts on it. What an attempt that was
    broken off left is dropped first. NotEmpty."""
    mark = database[RESTORING]
    present = [name for name in await database.list_collection_names() if name not in OF_THE_MOMENT and not name.startswith("system.")]
    if await mark.find_one({}) is not None:
        for name in present:
            await database.drop_collection(name)
    elif taken := [name for name in present if await database[name].find_one({}, {"_id": 1}) is not None]:
        raise NotEmpty(f"{database.name} has rows in {', '.join(sorted(taken)[:5])}: a backup goes into an empty database")
    await mark.replace_one({"_id": RESTORING}, {"taken_at": manifest.taken_at, "begun_at": datetime.now(UTC)}, upsert=True)
    with tarfile.open(path, "r:") as tar:
        for name, part in manifest.parts.items():
            await _put_back(database, tar, name)
            if (there := await database[name].count_documents({})) != part.rows:
                raise BadBackup(f"{name} has {there} rows and should have {part.rows}")
    yield
    await mark.delete_one({"_id": RESTORING})


async def _put_back(database: Database, tar: tarfile.TarFile, name: str) -> None:
    collection: Any = database.get_collection(name, codec_options=_RAW)
    batch: list[RawBSONDocument] = []
    for row in _rows(tar, name):
        batch.append(row)
        if len(batch) == BATCH:
            await collection.insert_many(batch, ordered=False)
            batch = []
    if batch:
        await collection.insert_many(batch, ordered=False)


async def refuse_half_restored(database: Database) -> None:
    """UnfitServer where a restore was broken off: what is missing would look as if it had never been."""
    if await database[RESTORING].find_one({}) is not None:
        raise UnfitServer("a restore of this database was broken off, so it is not whole: run manage.py restore again.")
