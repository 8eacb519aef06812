"""The ready file: what a script needs to use a running demo, whole or not there."""

import json
from pathlib import Path
from typing import Any


def write_ready_file(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(document, indent=2) + "\n")
    partial.chmod(0o600)  # it holds a password
    partial.replace(path)
