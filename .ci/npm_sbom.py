"""Bill of materials of the npm lock (CycloneDX), as npm tells it, and complete or not at all."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from crypto_project.npm import ROOT, find_node

FORM = ("--sbom-format", "cyclonedx", "--package-lock-only")


def told_by_npm(lock: dict[str, object]) -> str:
    """npm wants a version of the whole, which this one is not given: it is never published there."""
    node, package = find_node(), json.loads((ROOT / "package.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "package.json").write_text(json.dumps(package | {"version": "0.0.0"}))
        Path(folder, "package-lock.json").write_text(json.dumps(lock | {"version": "0.0.0"}))
        done = subprocess.run([node.node, node.npm_cli, "sbom", *FORM], check=False, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"npm sbom: {done.stderr.strip()[:300]}")
    return done.stdout


def main() -> int:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    lock["packages"][""]["version"] = "0.0.0"
    text = told_by_npm(lock)
    rows = {name: row for name, row in lock["packages"].items() if name}
    locked = {(row.get("name") or name.rsplit("node_modules/", 1)[1], row["version"]) for name, row in rows.items()}
    told = {(f"{row['group']}/{row['name']}" if row.get("group") else row["name"], row["version"]) for row in json.loads(text)["components"]}
    if missing := locked - told:
        sys.exit(f"npm does not tell of {len(missing)} of {len(locked)}: {sorted(missing)[:5]}")
    Path(sys.argv[1]).write_text(text)
    print(f"{len(told)} components of npm")
    return 0


if __name__ == "__main__":
    sys.exit(main())
