"""Pure decisions of the slice."""

import hashlib
import re

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,39}", re.ASCII)


def fold(name: str) -> str:
    """How e-mail addresses and user names are stored and compared."""
    return name.strip().casefold()


def is_username(folded: str) -> bool:
    """3 to 40 of a-z, 0-9, dot, dash, underscore: nothing that looks like something else."""
    return _USERNAME.fullmatch(folded) is not None


def hash_token(token: str) -> str:
    """What is stored of a secret: it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
