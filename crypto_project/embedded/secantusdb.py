"""`python -P secantusdb.py OPTION…`: what `python -m secantus OPTION…` is, and gives the same answers, with less work in two places.

It aborts what was left idle for a minute, and looks for it in each statement of a transaction, and in each command of a session: through everything
that any session has ever begun, since it forgets no transaction. After some thousand sessions most of its work is this search. Here it looks at most
once a second, and does then what it always does.

And it looks through the catalogue of indexes, several times, before it finds a row by `_id` and something beside it, which is how this product asks
for most. Here `_id` goes first, as it does there once no index has been found; the rest of the filter is checked on the row in either case.
"""

import functools
import sys
import time
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


if __name__ == "__main__":
    find_by_id_first(Storage)
    for each in (TransactionRegistry, SessionRegistry):
        look_less_often(each)
    sys.exit(main())
