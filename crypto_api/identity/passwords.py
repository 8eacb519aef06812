"""Passwords: judged by an estimator, hashed by bcrypt. Both take long, so both run in a thread."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

import bcrypt
from zxcvbn import zxcvbn

from crypto_api.kit.errors import InvalidInput

LENGTH_MIN = 8
BYTES_MAX = 72  # bcrypt looks at no more
SCORE_MIN = 2  # of 4: withstands guessing at the rate a log-in allows
_one_at_a_time = Lock()


async def judge(field: str, password: str, personal: Sequence[str]) -> None:
    """InvalidInput when it is short, long or easy to guess; `personal` are words an attacker would try first."""
    if len(password) < LENGTH_MIN:
        raise InvalidInput.of(field, f"must have at least {LENGTH_MIN} characters", "too_short")
    if len(password.encode()) > BYTES_MAX:
        raise InvalidInput.of(field, f"must have at most {BYTES_MAX} bytes", "too_long")
    verdict = await asyncio.to_thread(_estimated, password, list(personal))
    if verdict["score"] < SCORE_MIN:
        raise InvalidInput.of(field, f"is too weak: {_advice(verdict['feedback'])}", "too_weak")


def _estimated(password: str, personal: Sequence[str]) -> dict[str, Any]:
    """The estimator keeps the words of the person in a global: of two at once, one would be judged by the other's, and might take their own name."""
    with _one_at_a_time:
        verdict: dict[str, Any] = zxcvbn(password, personal)
    return verdict


def _advice(feedback: dict[str, Any]) -> str:
    """The estimator's own words: what is wrong with it, and what would be better."""
    told = [feedback["warning"] or "It is easy to guess.", *(feedback["suggestions"] or ["Add another word or two."])]
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in told)


async def hash_password(password: str, cost: int) -> str:
    return (await asyncio.to_thread(bcrypt.hashpw, password.encode(), bcrypt.gensalt(cost))).decode()


def cost_of(password_hash: str) -> int:
    """`$2b$12$…`: 12."""
    return int(password_hash.split("$")[2])


async def matches(password: str, password_hash: str | None, cost: int) -> bool:
    """Takes as long when there is no such account (`password_hash` None): time must not tell."""
    given = password.encode()[:BYTES_MAX]
    known = (password_hash or _decoy(cost)).encode()
    same = await asyncio.to_thread(bcrypt.checkpw, given, known)
    return same and password_hash is not None and len(password.encode()) <= BYTES_MAX


@lru_cache
def _decoy(cost: int) -> str:
    """A hash of that cost which no password matches: a salt with an empty digest part. checkpw does the full work and says no."""
    return (bcrypt.gensalt(cost) + b"." * 31).decode()
