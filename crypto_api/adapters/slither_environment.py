"""The environment that Slither runs in: its own, below the data directory, made when it is first needed.

Slither is under the AGPL and wants an older web3 than ours: it is a program beside ours and is never imported.
"""

from pathlib import Path

from crypto_api.adapters import own_environment
from crypto_api.adapters.own_environment import NotInstalled as SlitherMissing

__all__ = ["SlitherMissing", "ensure"]

LOCK = Path(__file__).resolve().parents[2] / "requirements-slither.lock"


def ensure(folder: Path) -> Path:
    """The interpreter; installs on the first call. SlitherMissing."""
    return own_environment.ensure(LOCK, folder, "Slither")
