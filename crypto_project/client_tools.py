"""Clients for programs, generated from `docs/openapi.json`; and whether that document keeps to the rules of `client_tools/redocly.yaml`.

What does this is no part of an installation: it is fetched by locks of its own, when it is first asked for.
"""

import shutil
import subprocess
from pathlib import Path

from crypto_api.adapters import own_environment
from crypto_project.npm import CLIENT_TOOLS, ROOT, ensure_client_tools, find_node

DOCUMENT = ROOT / "docs" / "openapi.json"
LOCK = ROOT / "requirements-clients.lock"
ENVIRONMENT = ROOT / ".data" / "client-tools"
LIMIT_S = 300
GENERATOR = "import sys; from openapi_python_client.cli import app; sys.argv[0] = 'openapi-python-client'; app()"


class ClientToolsFailed(RuntimeError):
    """What a tool said, or why it could not be asked."""


def lint(document: Path = DOCUMENT) -> list[str]:
    """Where the document breaks the rules."""
    ensure_client_tools()
    done = _run([str(find_node().node), str(CLIENT_TOOLS / "lint.mjs"), str(document)])
    *problems, count = done.stdout.splitlines() or [done.stderr]
    if count != f"{len(problems)} problems":
        raise ClientToolsFailed(count)
    return problems


def make_typescript(folder: Path, document: Path = DOCUMENT) -> None:
    """`schema.d.ts`, what makes a client of it, and the two packages that it needs; compiled with every check of the compiler."""
    ensure_client_tools()
    _make_room(folder, "schema.d.ts")
    shutil.copytree(CLIENT_TOOLS / "typescript", folder)
    for package in ("openapi-fetch", "openapi-typescript-helpers"):
        shutil.copytree(CLIENT_TOOLS / "node_modules" / package, folder / "node_modules" / package)
    _node("openapi-typescript/bin/cli.js", str(document), "--output", str(folder / "schema.d.ts"), "--default-non-nullable=false")
    _node("typescript/bin/tsc", "--project", str(folder))


def make_python(folder: Path, document: Path = DOCUMENT) -> Path:
    """The package `coffer_client` and its pyproject. An interpreter that has what it needs."""
    python = own_environment.ensure(LOCK, ENVIRONMENT, "openapi-python-client")
    _make_room(folder, "coffer_client")
    options = ["--overwrite", "--meta", "uv", "--config", str(CLIENT_TOOLS / "python-client.yaml"), "--fail-on-warning"]
    _sure([str(python), "-c", GENERATOR, "generate", "--path", str(document), "--output-path", str(folder), *options])
    shutil.copytree(CLIENT_TOOLS / "python", folder, dirs_exist_ok=True)
    return python


def _make_room(folder: Path, sign: str) -> None:
    """Takes away what was generated there before, and nothing else."""
    if folder.exists() and any(folder.iterdir()) and not (folder / sign).exists():
        raise ClientToolsFailed(f"{folder} holds something else")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)


def _node(script: str, *arguments: str) -> None:
    _sure([str(find_node().node), str(CLIENT_TOOLS / "node_modules" / script), *arguments])


def _sure(command: list[str]) -> None:
    done = _run(command)
    if done.returncode:
        raise ClientToolsFailed((done.stdout + done.stderr).strip()[-3_000:])


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, check=False, cwd=CLIENT_TOOLS, capture_output=True, text=True, timeout=LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClientToolsFailed(str(error)) from error
