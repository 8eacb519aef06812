"""Contracts of the tests, compiled once: the compiler takes seconds."""

import hashlib
import json
from typing import Any

from crypto_project.demo.compile import run_compiler, write_atomically
from crypto_project.npm import ROOT


async def compiled(name: str, sources: dict[str, Any], settings: dict[str, Any], compiler: str = "") -> dict[str, Any]:
    """Source → contract → what was asked for, kept by content under `name`. `compiler`: its version, where the bytecode has to be that one's."""
    asked = json.dumps({"language": "Solidity", "sources": sources, "settings": settings}, sort_keys=True)
    kept = ROOT / ".data" / "contracts" / f"{name}-{hashlib.sha256(f'{compiler}{asked}'.encode()).hexdigest()}.json"
    if not kept.exists():
        output = await run_compiler(asked, ROOT)
        assert [row for row in output.get("errors", []) if row["severity"] == "error"] == []
        write_atomically(kept, json.dumps(output["contracts"]))
    found: dict[str, Any] = json.loads(kept.read_text())
    return found
