"""Pure decisions of the slice."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

HIDDEN = "[hidden]"
SECRET_PARTS = ("password", "secret", "private_key", "sealed", "hash", "token", "recovery", "totp", "otp")
TEXT_MAX = 500

Fields = dict[str, Any]


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[Fields | None, Fields | None]:
    """The changed fields alone, in a form that is stored and shown as it is."""
    was = {name: _plain(name, value) for name, value in (before or {}).items()}
    became = {name: _plain(name, value) for name, value in (after or {}).items()}
    if before is not None and after is not None:
        changed = [name for name in {**was, **became} if (before or {}).get(name) != (after or {}).get(name)]
        was, became = ({name: side[name] for name in changed if name in side} for side in (was, became))
    return (was if before is not None else None), (became if after is not None else None)


def _plain(name: str, value: Any) -> Any:
    if value not in (None, "", [], {}) and any(part in name.lower() for part in SECRET_PARTS):
        return HIDDEN
    match value:
        case None | bool() | int():
            return value
        case Enum():
            return str(value.value)
        case datetime():
            return value.isoformat(timespec="milliseconds")
        case Mapping():
            return {str(key): _plain(str(key), inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(name, inner) for inner in value]
        case _:
            return str(value)[:TEXT_MAX]
