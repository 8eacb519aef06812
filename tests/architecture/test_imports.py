"""The import contracts of pyproject.toml hold, and each of them can be broken."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from importlinter.cli import lint_imports

from tests.architecture.reading import PRODUCT, ROOT

# a file of the product, and an import that its contract forbids there
OFFENCES = {
    "top": ("workers/lane.py", "import crypto_project.shell"),
    "keys": ("crypto_api/http/wallets.py", "import crypto_api.adapters.key_sealing"),
    "apart": ("crypto_project/asgi.py", "import workers"),
    "down": ("crypto_api/wallets/rules.py", "import crypto_api.flows.authenticate"),
    "books": ("crypto_api/tasks/service.py", "import crypto_api.ledger.service"),
    "slice": ("crypto_api/ledger/documents.py", "import crypto_api.ledger.store"),
    "pure": ("crypto_api/transactions/rules.py", "import beanie"),
    "narrow": ("crypto_api/flows/book_transaction.py", "import crypto_api.adapters.mail"),
    "outside": ("crypto_api/tasks/store.py", "import redis"),
}


def test_contracts_hold() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_nothing_is_excused() -> None:
    assert "ignore_imports" not in (ROOT / "pyproject.toml").read_text()


def test_each_contract_can_be_broken(tmp_path: Path) -> None:
    for name in PRODUCT:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "static", "templates"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, line in OFFENCES.values():
        path = tmp_path / file
        path.write_text(path.read_text() + f"\n{line}\n")
    (tmp_path / "crypto_api" / "misplaced").mkdir()
    (tmp_path / "crypto_api" / "misplaced" / "__init__.py").touch()

    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()",
        "--no-cache",
        "--no-logo",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 1, done.stderr
    assert re.search(rf"Contracts: 0 kept, {len(OFFENCES)} broken", done.stdout), done.stdout
    assert "crypto_api.misplaced" in done.stdout  # a new folder has to be placed
