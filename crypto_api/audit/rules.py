"""Pure decisions of the slice: what of a change is kept, and what seals it."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel

from crypto_api.kit.seals import canonical, link

HIDDEN = "[hidden]"
TEXT_MAX = 500
ITEMS_MAX = 200
DEPTH_MAX = 8
INT64_MAX = 2**63 - 1  # beyond it BSON has no integer

# A name is looked at word by word: `private_key` is a secret, `public_key` is not, and neither is the `hash` of a transaction.
_SECRET_WORDS = frozenset(
    {
        "password", "passwords", "passphrase", "passcode", "pin", "secret", "secrets", "mnemonic", "seed", "otp", "totp", "recovery", "backup",
        "sealed", "ciphertext", "keystore", "credentials", "jwt", "bearer", "cookie", "ticket", "authorization", "access", "refresh",
    }
)  # fmt: skip
_SECRET_UNLESS_PUBLIC = frozenset({"key", "keys", "token", "tokens", "hash", "hashes"})
_PUBLIC = re.compile(
    r"(.*_)?(public_keys?|key_ids?|(transaction|tx|block|content|contract|entry|opened_at)_hash(es)?|token_(contract|address|asset|symbol|name|id|decimals)s?)"
    r"|hash"
)
_TELLING = frozenset({"at", "count", "required", "enabled", "changed", "days", "minutes", "seconds", "min", "max", "policy", "kind"})
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")

Fields = dict[str, Any]


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[Fields | None, Fields | None]:
    """The changed fields alone, in a form that is stored and shown as it is."""
    old, new = before or {}, after or {}
    names = [*old, *(name for name in new if name not in old)]
    if before is not None and after is not None:
        names = [name for name in names if old.get(name) != new.get(name)]
    was = {_key(name): plain(name, old[name]) for name in names if name in old}
    became = {_key(name): plain(name, new[name]) for name in names if name in new}
    return (was if before is not None else None), (became if after is not None else None)


def is_secret(name: str) -> bool:
    """Whether a field of that name holds something that must not be read. Doubt hides it."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if words and words[-1] in _TELLING:  # `password_changed_at` tells of a secret and is none
        return False
    if _SECRET_WORDS & set(words):
        return True
    return bool(_SECRET_UNLESS_PUBLIC & set(words)) and not _PUBLIC.fullmatch("_".join(words))


def plain(name: str, value: Any, depth: int = 0) -> Any:
    """As it is stored: bounded, without secrets, made of what JSON has. A type that nobody foresaw is named, not shown."""
    match value:
        case None | bool():
            return value
        case Enum():
            return plain(name, value.value, depth)
        case datetime():
            return value.isoformat(timespec="milliseconds")
        case date():
            return value.isoformat()
    if value not in ("", [], {}, ()) and is_secret(name) and not (isinstance(value, str) and _ADDRESS.fullmatch(value)):
        return HIDDEN
    return _shown(name, value, depth)


def _shown(name: str, value: Any, depth: int) -> Any:
    match value:
        case int():
            return value if -INT64_MAX <= value <= INT64_MAX else str(value)
        case str() | Decimal():
            return str(value)[:TEXT_MAX].replace("\0", "")
        case BaseModel():
            value = {field: getattr(value, field) for field in type(value).model_fields}
        case _ if is_dataclass(value) and not isinstance(value, type):
            value = {field.name: getattr(value, field.name) for field in fields(value)}
    if depth < DEPTH_MAX:
        match value:
            case Mapping():
                return {_key(key): plain(str(key), inner, depth + 1) for key, inner in list(value.items())[:ITEMS_MAX]}
            case list() | tuple():
                return [plain(name, inner, depth + 1) for inner in list(value)[:ITEMS_MAX]]
            case set() | frozenset():
                return sorted((plain(name, inner, depth + 1) for inner in list(value)[:ITEMS_MAX]), key=str)
    return f"[{type(value).__name__}]"


def _key(name: Any) -> str:
    """A name that every MongoDB takes."""
    return str(name)[:TEXT_MAX].replace("\0", "").replace(".", "·").replace("$", "＄")


# ---- seals -----------------------------------------------------------------------------------------------------------------------


def seal(prev: str, seq: int, row: Mapping[str, Any]) -> str:
    """The link of a record as it stands in the database, field by field, so that one that was added shows too."""
    return link(prev, seq, canonical(row))
