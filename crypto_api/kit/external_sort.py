"""Sorting more than memory should hold: runs that are sorted in memory lie in unnamed temporary files, and are merged while they are read."""

import heapq
import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any, Self

ROWS_IN_MEMORY = 50_000
Row = tuple[Any, ...]


class ExternalSort:
    """Rows of what JSON holds, by the text at `key`. Nothing touches the disk until there are more rows than one run has. To be used as a context:
    its files are gone with it, also where the process is killed."""

    def __init__(self, key: int, rows_in_memory: int | None = None) -> None:
        self._key, self._most = key, rows_in_memory or ROWS_IN_MEMORY
        self._rows: list[Row] = []
        self._runs: list[IO[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for run in self._runs:
            run.close()

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._rows.append(row)
            if len(self._rows) >= self._most:
                self._put_away()

    def __iter__(self) -> Iterator[Row]:
        """In their order. Once."""
        self._rows.sort(key=self._of)
        for run in self._runs:
            run.seek(0)
        return heapq.merge(self._rows, *(map(_read, run) for run in self._runs), key=self._of)

    def _put_away(self) -> None:
        self._rows.sort(key=self._of)
        run = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (closed with the context)
        self._runs.append(run)
        run.writelines(f"{json.dumps(row)}\n" for row in self._rows)
        self._rows = []

    def _of(self, row: Row) -> str:
        key: str = row[self._key]
        return key


def _read(line: str) -> Row:
    return tuple(json.loads(line))
