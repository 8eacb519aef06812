"""`python -P secantusdb.py OPTION…`: what `python -m secantus OPTION…` is, and gives the same answers, with less work in three places.

It aborts what was left idle for a minute, and looks for it in each statement of a transaction, and in each command of a session: through everything
that any session has ever begun, since it forgets no transaction. After some thousand sessions most of its work is this search. Here it looks at most
once a second, and does then what it always does.

And it looks through the catalogue of indexes, several times, before it finds a row by `_id` and something beside it, which is how this product asks
for most. Here `_id` goes first, as it does there once no index has been found; the rest of the filter is checked on the row in either case.

And what it writes or deletes in one go it does row by row, and reads the options of all indexes of the collection for each: here once. No such write
changes an option that it asks for, and the indexes themselves it reads once as it is.
"""

import functools
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from secantus.cli import main
from secantus.sessions import SessionRegistry
from secantus.storage import Storage
from secantus.transactions import TransactionRegistry

LOOKS_EACH_S = 1.0


def look_less_often(registry: type[Any], *, each_s: float = LOOKS_EACH_S) -> None:
    """A registry that has no such search is another version of the server: AttributeError, before anything is served."""
    search = registry._prune_locked

    @functools.wraps(search)
    def seldom(self: Any) -> int:
        now = time.monotonic()  # under the registry's own lock, as the search is
        if now < getattr(self, "_looks_again_at", now):
            return 0
        self._looks_again_at = now + each_s
        return int(search(self))

    registry._prune_locked = seldom


def _names_rows(condition: Any) -> bool:
    return not isinstance(condition, dict) or (len(condition) == 1 and condition.keys() <= {"$eq", "$in"})


def find_by_id_first(storage: type[Any]) -> None:
    """AttributeError where the server is another version."""
    pick = storage._try_index_id_keys

    @functools.wraps(pick)
    def by_id_first(self: Any, db: str, coll: str, filter: dict[str, Any], *, collation: Any = None) -> list[bytes] | None:  # noqa: A002
        if collation is None and len(filter) > 1 and _names_rows(filter.get("_id", {})) and not any(name.startswith("$") for name in filter):
            found: list[bytes] | None = pick(self, db, coll, {"_id": filter["_id"]})
            if found is not None:
                return found
        return pick(self, db, coll, filter, collation=collation)  # type: ignore[no-any-return]

    storage._try_index_id_keys = by_id_first


def read_options_once(storage: type[Any]) -> None:
    """AttributeError where the server is another version."""
    read_options, read_indexes, here = storage._index_options_map, storage._all_indexes, threading.local()

    @functools.wraps(read_indexes)
    def indexes(self: Any, db: str, coll: str) -> Any:
        if (kept := getattr(here, "kept", None)) is not None:
            kept.clear()  # each attempt of a write begins with this, in its own lock and transaction
        return read_indexes(self, db, coll)

    @functools.wraps(read_options)
    def options(self: Any, db: str, coll: str) -> Any:
        kept = getattr(here, "kept", None)
        if kept is None:
            return read_options(self, db, coll)
        if (db, coll) not in kept:
            kept[db, coll] = read_options(self, db, coll)
        return kept[db, coll]

    def keeping(write: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(write)
        def kept(*arguments: Any, **named: Any) -> Any:
            before, here.kept = getattr(here, "kept", None), {}
            try:
                return write(*arguments, **named)
            finally:
                here.kept = before

        return kept

    storage._all_indexes, storage._index_options_map = indexes, options
    storage._insert_chunk, storage._delete_chunk = keeping(storage._insert_chunk), keeping(storage._delete_chunk)


if __name__ == "__main__":
    find_by_id_first(Storage)
    read_options_once(Storage)
    for each in (TransactionRegistry, SessionRegistry):
        look_less_often(each)
    sys.exit(main())
