"""`python -P secantusdb.py OPTION…`: what `python -m secantus OPTION…` is, and gives the same answers, with less work in ten places.

It aborts what was left idle for a minute, and looks for it in each statement of a transaction, and in each command of a session: through everything
that any session has ever begun, since it forgets no transaction. After some thousand sessions most of its work is this search. Here it looks at most
once a second, and does then what it always does.

And it looks through the catalogue of indexes, several times, before it finds a row by `_id` and something beside it, which is how this product asks
for most. Here `_id` goes first, as it does there once no index has been found; the rest of the filter is checked on the row in either case.

And what it writes, changes or deletes in one go it does row by row, and reads the catalogue of the collection's indexes several times for each: here
once. No such write changes what it asks for there.

And it takes an index for several fields only where the index covers all that is asked for, else for one field alone, and for an `$and` none at all:
so most of what it reads it throws away. Here the index goes first of which the filter pins most fields, from its first on, as a MongoDB chooses; a
partial one where the filter repeats its condition. What is found is compared with the whole filter as before.

And where the first so many are asked for, in an order or in none, it reads all that there are. Here an index that has them in that order is walked
along, forwards or backwards, until there are enough, as a MongoDB does; where another index narrows the search more, a little of the way at
most. Whatever is found goes through the server's own comparing, sorting and cutting.

And each row that a list of values may name (`$in`) it compares with one after another of them. Here a text is looked up in a list of texts. And it
reads all that it finds where one row is asked for: here, where the order does not matter, as many as are asked for.

And the catalogue of indexes is read up to four times for a search, which chooses between them: here once, for as long as the search sees the same.

And of a row of which some fields are asked for it copies each, however deep, by a plan for all that a projection may be: where the fields are named,
and nothing within them, here the row is cut to these.

And each row that it finds it compares twice with all that was asked, by a way that finds every kind of value at any depth: a text with a text, a
moment with moments between which it is to lie, and the like are compared here as they are.
"""

import functools
import itertools
import operator
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import wiredtiger as wt
from bson import ObjectId
from secantus import deadline, query
from secantus import storage as storing
from secantus.cli import main
from secantus.sessions import SessionRegistry
from secantus.sortkey import COMPOUND_SEP, encode_value_directed
from secantus.storage import _IDX_ENTRIES_TABLE, Storage, _unpack_entry
from secantus.storage import _escape_kb as escape_kb
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
    read_options, read_indexes, read_rows, here = storage._index_options_map, storage._all_indexes, storage._iter_indexes, threading.local()

    @functools.wraps(read_indexes)
    def indexes(self: Any, db: str, coll: str) -> Any:
        if (kept := getattr(here, "kept", None)) is not None:
            kept.clear()  # each attempt of a write begins with this, in its own lock and transaction
        return read_indexes(self, db, coll)

    @functools.wraps(read_rows)
    def rows(self: Any, db: str, coll: str) -> Any:
        kept = getattr(here, "kept", None)
        if kept is None:
            return read_rows(self, db, coll)
        if (db, coll, "rows") not in kept:
            kept[db, coll, "rows"] = list(read_rows(self, db, coll))
        return kept[db, coll, "rows"]

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

    storage._all_indexes, storage._index_options_map, storage._iter_indexes = indexes, options, rows
    for name in ("_insert_chunk", "_delete_chunk", "_update_chunk", "_update_matching_single_txn"):
        setattr(storage, name, keeping(getattr(storage, name)))


def read_catalogue_once(storage: type[Any]) -> None:
    """Of a search that begins to see a newer state, anew. AttributeError where the server is another version."""
    read, refresh, find, here = storage._iter_indexes, storage._refresh_read_snapshot, storage.find_matching, threading.local()

    @functools.wraps(read)
    def rows(self: Any, db: str, coll: str) -> Any:
        kept = getattr(here, "kept", None)
        if kept is None:
            return read(self, db, coll)
        if (db, coll) not in kept:
            kept[db, coll] = list(read(self, db, coll))
        return kept[db, coll]

    @functools.wraps(refresh)
    def refreshed(self: Any) -> None:
        if getattr(here, "kept", None):
            here.kept.clear()  # what another has made or dropped meanwhile is seen from here on
        refresh(self)

    @functools.wraps(find)
    def found(*arguments: Any, **named: Any) -> Any:
        before, here.kept = getattr(here, "kept", None), {}
        try:
            return find(*arguments, **named)
        finally:
            here.kept = before

    storage._iter_indexes, storage._refresh_read_snapshot, storage.find_matching = rows, refreshed, found


# ---- the index of which a filter pins most ---------------------------------------------------------------------------------------

_PLAIN = (str, int, float, bool, datetime, ObjectId, type(None))
_LOWER, _UPPER = ("$gt", "$gte"), ("$lt", "$lte")
_FETCHED_TOGETHER = 64
_BEHIND_ALL = COMPOUND_SEP + b"\xff\xff"  # in an index, behind every entry that begins as it does


def _values(clause: Any) -> list[Any] | None:
    """One of which the field has to be; None where none are named. What else is asked of it is compared on the row."""
    one = clause.get("$eq", clause.get("$in")) if isinstance(clause, dict) else clause
    values = one if isinstance(clause, dict) and "$eq" not in clause else [one]
    return values if isinstance(values, list) and all(isinstance(value, _PLAIN) for value in values) else None


def _is_bounded(clause: Any) -> bool:
    bounds = [value for name, value in clause.items() if name in (*_LOWER, *_UPPER)] if isinstance(clause, dict) else []
    return bool(bounds) and all(isinstance(value, _PLAIN) for value in bounds)


def _is_of_time(clause: Mapping[str, Any]) -> bool:
    """Whether all its bounds are moments: as long as one another in an index, so that they lie in order in one that falls too."""
    return all(isinstance(value, datetime) for name, value in clause.items() if name in (*_LOWER, *_UPPER))


def _asked(filter_: Mapping[str, Any]) -> dict[str, Any]:
    """What every row has to fulfil, by field: each clause narrows the search by itself, so one of each field is enough."""
    found: dict[str, Any] = {}
    for name, clause in filter_.items():
        if name == "$and" and isinstance(clause, list):
            for part in clause:
                found = (_asked(part) if isinstance(part, dict) else {}) | found
        elif not name.startswith("$"):
            found[name] = clause
    return found


def _says(clause: Any, condition: Any) -> bool:
    """Whether a filter repeats the condition of a partial index."""
    if isinstance(condition, dict):
        return isinstance(clause, dict) and bool(condition) and condition.items() <= clause.items()
    return type(clause) is type(condition) and bool(clause == condition)


def _pinned(key: Mapping[str, int], asked: Mapping[str, Any]) -> list[str]:
    """Fields of an index from its first on: each pinned to a value, the last one perhaps to a list or bounds."""
    found: list[str] = []
    for field, direction in key.items():
        if field not in asked:
            break
        values = _values(asked[field])
        if values is not None or (_is_bounded(asked[field]) and (direction == 1 or _is_of_time(asked[field]))):
            found.append(field)
        if values is None or len(values) != 1:
            break
    return found


@dataclass(frozen=True)
class _Chosen:
    name: str
    key: dict[str, int]
    fields: list[str]
    many: bool
    """It holds each element of a list, so that two bounds may be met by two of them."""


def _choose(storage: Any, db: str, coll: str, asked: Mapping[str, Any]) -> _Chosen | None:
    options, best, chosen = storage._index_options_map(db, coll), (0, False, 0), None
    for name, key, sparse, _ in storage._all_indexes(db, coll):
        told = options.get(name, {})
        if sparse or told.get("collation") or any(direction not in (1, -1) for direction in key.values()):
            continue
        condition = told.get("partialFilterExpression") or {}
        if not all(field in asked and _says(asked[field], value) for field, value in condition.items()):
            continue
        fields = _pinned(key, asked)
        weight = sum(1 if _values(asked[field]) is None else 2 for field in fields)
        if fields and (rank := (weight, bool(condition), -len(key))) > best:
            best, chosen = rank, _Chosen(name, dict(key), fields, bool(told.get("multikey")))
    return chosen


def _walk(storage: Any, db: str, coll: str, chosen: _Chosen, asked: Mapping[str, Any]) -> Iterator[bytes]:
    name, key, fields = chosen.name, chosen.key, chosen.fields
    last, more = asked[fields[-1]], len(key) > len(fields)
    pinned = [encode_value_directed(value, key[field]) for field in fields[:-1] for value in _values(asked[field]) or ()]

    def entry(value: Any) -> bytes:
        return bytes(COMPOUND_SEP.join([*pinned, encode_value_directed(value, key[fields[-1]])]))

    if (values := _values(last)) is not None:
        for value in values:
            yield from storage._scan_index_for_id_keys(db, coll, name, entry(value) + (COMPOUND_SEP if more else b""), prefix=more)
        return
    low, high = (_LOWER, _UPPER) if key[fields[-1]] == 1 else (_UPPER, _LOWER)  # a field that falls lies the other way round
    lower = max((entry(last[bound]) for bound in low if bound in last), default=None)
    upper = min((entry(last[bound]) for bound in high if bound in last), default=None)
    before = COMPOUND_SEP.join(pinned) + COMPOUND_SEP if pinned else None

    def between(begin: bytes | None, end: bytes | None) -> Any:
        return storage._range_scan_index(db, coll, name, begin, True, end + _BEHIND_ALL if end is not None else None, True, prefix=before)

    if chosen.many and lower is not None and upper is not None:  # a row of which one element lies above and another below is none between
        behind = set(between(lower, None))
        yield from (row for row in between(None, upper) if row in behind)
    else:
        yield from between(lower, upper)


def take_the_best_index(storage: type[Any]) -> None:
    """AttributeError where the server is another version."""
    pick = storage._try_index_id_keys
    for needed in ("_index_options_map", "_all_indexes", "_scan_index_for_id_keys", "_range_scan_index"):
        getattr(storage, needed)

    @functools.wraps(pick)
    def by_best(self: Any, db: str, coll: str, filter: dict[str, Any], *, collation: Any = None) -> list[bytes] | None:  # noqa: A002
        if collation is None and (len(filter) > 1 or "$and" in filter):
            asked = _asked(filter)
            if "_id" in asked and _names_rows(asked["_id"]) and (found := pick(self, db, coll, {"_id": asked["_id"]})) is not None:
                return found  # type: ignore[no-any-return]
            if asked and (chosen := _choose(self, db, coll, asked)) is not None:
                return list(dict.fromkeys(_walk(self, db, coll, chosen, asked)))
        return pick(self, db, coll, filter, collation=collation)  # type: ignore[no-any-return]

    storage._try_index_id_keys = by_best


def look_up_in_lists(module: Any) -> None:
    """AttributeError where the server is another version."""
    compare, here = module._op_matches, threading.local()

    @functools.wraps(compare)
    def op_matches(values: list[Any], op: str, arg: Any, collation: Any = None, **more: Any) -> bool:
        if op == "$in" and collation is None and len(values) == 1 and type(values[0]) is str and isinstance(arg, list):
            if getattr(here, "listed", None) is not arg:  # of one statement, for each of its rows
                here.listed, here.texts = arg, frozenset(arg) if all(type(one) is str for one in arg) else None
            if here.texts is not None:
                return values[0] in here.texts
        return bool(compare(values, op, arg, collation, **more))

    module._op_matches = op_matches


_SIMPLE = {str, bool, datetime, type(None)}
_COMPARES: dict[str, Callable[[Any, Any], Any]] = {"$eq": operator.eq, "$ne": operator.ne}
_COMPARES_MOMENTS = _COMPARES | {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}


def compare_alike_at_once(module: Any) -> None:
    """AttributeError where the server is another version."""
    match = module._match_clause

    @functools.wraps(match)
    def match_clause(row: Mapping[str, Any], name: str, asked: Any, let: Any, collation: Any) -> bool:
        if collation is None and name in row and "." not in name and not name.startswith("$") and (kind := type(value := row[name])) in _SIMPLE:
            compares = _COMPARES_MOMENTS if kind is datetime else _COMPARES
            clauses = asked if type(asked) is dict else {"$eq": asked}
            alike = bool(clauses) and all(how in compares and type(one) is kind for how, one in clauses.items())
            if alike and (kind is not datetime or all(one.tzinfo is value.tzinfo for one in clauses.values())):
                return all(compares[how](value, one) for how, one in clauses.items())
        return bool(match(row, name, asked, let, collation))

    module._match_clause = match_clause


def cut_to_named_fields(module: Any) -> None:
    """AttributeError where the server is another version."""
    project = module.apply_projection_batch

    @functools.wraps(project)
    def projected(rows: list[dict[str, Any]], spec: Mapping[str, Any] | None, *more: Any, **named: Any) -> list[dict[str, Any]]:
        if spec and all(type(shown) is int and shown == 1 and "." not in name and not name.startswith("$") for name, shown in spec.items()):
            wanted = spec.keys() - {"_id"}
            keys = ({"_id": row["_id"]} if "_id" in row else {} for row in rows)  # first, wherever it stands
            return [key | {name: value for name, value in row.items() if name in wanted} for key, row in zip(keys, rows, strict=True)]
        return project(rows, spec, *more, **named)  # type: ignore[no-any-return]

    module.apply_projection_batch = projected


def _is_plain(more: Mapping[str, Any]) -> bool:
    """Whether a search is no more than a filter, an order and a number of rows. `let` always holds the time of the command."""
    return not any(more.get(name) for name in ("hint", "collation", "min_bound", "max_bound"))


def read_as_many_as_asked(storage: type[Any], matches: Callable[..., bool]) -> None:
    """AttributeError where the server is another version."""
    find, fetch, here = storage.find_matching, storage._docs_by_recordids, threading.local()

    @functools.wraps(find)
    def find_some(self: Any, db: str, coll: str, filter: dict[str, Any] | None = None, **more: Any) -> Any:  # noqa: A002
        plain = _is_plain(more) and not more.get("sort")
        here.wanted = (filter, more.get("let"), more.get("skip", 0) + more["limit"]) if filter and plain and more.get("limit", 0) > 0 else None
        try:
            return find(self, db, coll, filter, **more)
        finally:
            here.wanted = None

    @functools.wraps(fetch)
    def fetch_some(self: Any, db: str, coll: str, recordids: Any) -> list[dict[str, Any]]:
        if getattr(here, "wanted", None) is None:
            return fetch(self, db, coll, recordids)  # type: ignore[no-any-return]
        (asked, let, most), rows, found = here.wanted, list(dict.fromkeys(recordids)), []
        for start in range(0, len(rows), _FETCHED_TOGETHER):
            found += [row for row in fetch(self, db, coll, rows[start : start + _FETCHED_TOGETHER]) if matches(row, asked, vars=let)]
            if len(found) >= most:
                break
        return found

    storage.find_matching, storage._docs_by_recordids = find_some, fetch_some


# ---- the first so many in an order -----------------------------------------------------------------------------------------------

_WALKED_AT_MOST = 1024  # rows, where another index pins more of the filter
_Order = tuple[str, list[bytes], int, str, bool]
"""An index; the values it is pinned to, with an empty one where it goes on behind them; direction and name of the field there; whether backwards."""


def _in_order(storage: Any, db: str, coll: str, asked: Mapping[str, Any], sort: Mapping[str, Any]) -> _Order | None:
    """An index that has the rows in this order behind the fields that the filter pins to one value each; of those the one that pins most."""
    options, best, chosen = storage._index_options_map(db, coll), (0, False), None
    for name, key, sparse, _ in storage._all_indexes(db, coll):
        told = options.get(name, {})
        if sparse or told.get("multikey") or told.get("collation") or any(direction not in (1, -1) for direction in key.values()):
            continue
        condition = told.get("partialFilterExpression") or {}
        if not all(field in asked and _says(asked[field], value) for field, value in condition.items()):
            continue
        fields, pinned = list(key), list[bytes]()
        while len(pinned) < len(fields) and len(values := _values(asked.get(fields[len(pinned)], {})) or []) == 1:
            pinned.append(bytes(encode_value_directed(values[0], key[fields[len(pinned)]])))
        wanted = [(field, direction) for field, direction in sort.items() if field not in fields[: len(pinned)]]
        behind = [(field, key[field]) for field in fields[len(pinned) : len(pinned) + len(wanted)]]
        turned = {direction * found for (_, direction), (_, found) in zip(wanted, behind, strict=False)} or {1}
        fits = [field for field, _ in wanted] == [field for field, _ in behind] and turned in ({1}, {-1})
        if fits and pinned and (rank := (len(pinned), bool(condition))) > best:
            field, direction = behind[0] if behind else ("", 1)
            best, chosen = rank, (name, pinned if len(pinned) == len(fields) else [*pinned, b""], direction, field, turned == {-1})
    return chosen


def _after(key: bytes) -> bytes:
    """The first key that does not begin with this one and is behind it."""
    cut = key.rstrip(b"\xff")
    return cut[:-1] + bytes([cut[-1] + 1])


def _along(storage: Any, db: str, coll: str, order: _Order, asked: Mapping[str, Any]) -> Iterator[int]:
    """Ids of rows, in the order of the index or against it. Whoever asks holds the lock, and moves no cursor of the indexes meanwhile."""
    name, pinned, direction, field, backwards = order
    clause = asked[field] if _is_bounded(asked.get(field)) else {}  # of two conditions on one field one is enough: all are compared on the row
    before = COMPOUND_SEP.join(pinned)

    def ends(bounds: tuple[str, str]) -> list[bytes]:
        return [escape_kb(before + encode_value_directed(clause[bound], direction)) for bound in bounds if bound in clause]

    low, high = (_LOWER, _UPPER) if direction == 1 else (_UPPER, _LOWER)
    first = max([escape_kb(before), *ends(low)])
    last = _after(escape_kb(before)) if not pinned[-1] else escape_kb(before) + b"\x00"  # a whole key: what goes on is another one
    behind = min([last, *map(_after, ends(high))])
    cursor = storage._cursor(_IDX_ENTRIES_TABLE)
    cursor.set_key(db, coll, name, behind if backwards else first)
    near = cursor.search_near()
    if near == wt.WT_NOTFOUND:
        return
    step = cursor.prev if backwards else cursor.next
    if (near >= 0 if backwards else near < 0) and step() != 0:
        return
    while True:
        in_db, in_coll, in_name, packed = cursor.get_key()
        key, row_id = _unpack_entry(bytes(packed))
        if (in_db, in_coll, in_name) != (db, coll, name) or not first <= key < behind:
            return
        if row_id is not None:
            yield row_id
        if step() != 0:
            return


def walk_in_order(storage: type[Any], matches: Callable[..., bool]) -> None:
    """AttributeError where the server is another version."""
    find, look_up, here = storage.find_matching, storage._try_index_lookup, threading.local()
    for needed in ("_index_options_map", "_all_indexes", "_docs_by_recordids", "_cursor", "_refresh_read_snapshot"):
        getattr(storage, needed)

    def first_of(self: Any, db: str, coll: str, filter_: dict[str, Any], let: Any, sort: Mapping[str, Any], most: int) -> list[dict[str, Any]] | None:
        asked = _asked(filter_)
        if ("_id" in asked and _names_rows(asked["_id"])) or (order := _in_order(self, db, coll, asked, sort)) is None:
            return None
        best, found, seen = _choose(self, db, coll, asked), list[dict[str, Any]](), 0
        narrower = best is not None and len(best.fields) > sum(map(bool, order[1]))
        rows = _along(self, db, coll, order, asked)
        while len(found) < most and (some := list(itertools.islice(rows, _FETCHED_TOGETHER))):
            deadline.check()
            found += [row for row in self._docs_by_recordids(db, coll, some) if matches(row, filter_, vars=let)]
            seen += len(some)
            if narrower and seen >= _WALKED_AT_MOST and len(found) < most:
                return None
        return found[:most]

    @functools.wraps(find)
    def find_in_order(self: Any, db: str, coll: str, filter: dict[str, Any] | None = None, **more: Any) -> Any:  # noqa: A002
        sort, limit = more.get("sort") or {}, more.get("limit", 0)
        if filter and limit > 0 and _is_plain(more) and all(direction in (1, -1) for direction in sort.values()):
            self._refresh_read_snapshot()
            with self._lock:
                here.found = first_of(self, db, coll, filter, more.get("let"), sort, more.get("skip", 0) + limit)
        try:
            return find(self, db, coll, filter, **more)
        finally:
            here.found = None

    @functools.wraps(look_up)
    def found_already(self: Any, *arguments: Any, **named: Any) -> Any:
        found = getattr(here, "found", None)
        return look_up(self, *arguments, **named) if found is None else found

    storage.find_matching, storage._try_index_lookup = find_in_order, found_already


if __name__ == "__main__":
    find_by_id_first(Storage)
    take_the_best_index(Storage)
    read_as_many_as_asked(Storage, query.matches)
    walk_in_order(Storage, query.matches)
    look_up_in_lists(query)
    compare_alike_at_once(query)
    cut_to_named_fields(storing)
    read_options_once(Storage)
    read_catalogue_once(Storage)  # around the others' searches
    for each in (TransactionRegistry, SessionRegistry):
        look_less_often(each)
    sys.exit(main())
