"""Sources that npm brought and that uploaded contracts may import by name: OpenZeppelin's."""

import re
from pathlib import Path

from crypto_api.adapters.solidity_compiler import NODE_MODULES

_PATH = re.compile(r"@openzeppelin/contracts/([A-Za-z0-9_-]+/)*[A-Za-z0-9_-]+\.sol", re.ASCII)


class InstalledLibraries:
    def __init__(self, folder: Path = NODE_MODULES) -> None:
        self._folder = folder

    def read(self, path: str) -> str | None:
        """None where it is none of them."""
        if not _PATH.fullmatch(path):
            return None
        try:
            return (self._folder / path).read_text()
        except (OSError, UnicodeDecodeError):
            return None
