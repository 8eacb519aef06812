"""SECRET_KEY and MASTER_KEY of one data directory: made once, readable by their owner only."""

import os
import secrets
from base64 import b64encode
from pathlib import Path

MASTER_NAMES = ("MASTER_KEY", "MASTER_KEY_ID", "MASTER_KEYS_PREVIOUS")
"""What only the signer is told."""


def installation_keys(data_dir: Path, *, secret_key: str | None = None, master_key: str | None = None) -> dict[str, str]:
    """The two as environment variables; a configured one goes first."""
    return {
        "SECRET_KEY": secret_key or _kept(data_dir / "secret_key", secrets.token_urlsafe(48)),
        "MASTER_KEY": master_key or _kept(data_dir / "master_key", b64encode(secrets.token_bytes(32)).decode()),
    }


def _kept(path: Path, fresh: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        partial = path.with_suffix(".partial")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(fresh)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)  # all of it or nothing: half a master key would seal wallets that nobody can open
    return path.read_text()
