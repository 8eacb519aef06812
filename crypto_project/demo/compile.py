"""Compiles the demo's contracts with the npm compiler; what is unchanged is not compiled twice."""

import asyncio
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crypto_project.npm import ROOT, find_node

CONTRACTS_DIR = Path(__file__).with_name("contracts")
COMPILE_SCRIPT = Path(__file__).with_name("compile.js")
DEFAULT_CACHE_DIR = ROOT / ".data" / "contracts"
NPM_PACKAGES = ("solc", "@openzeppelin/contracts")
COMPILE_TIMEOUT_S = 120.0
SETTINGS: dict[str, Any] = {
    "optimizer": {"enabled": True, "runs": 200},
    "evmVersion": "cancun",
    "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
}


class CompileError(RuntimeError):
    pass


@dataclass(frozen=True, slots=True)
class Artifact:
    name: str
    abi: list[dict[str, Any]]
    bytecode: str


async def compile_contracts(
    *, package_root: Path = ROOT, cache_dir: Path = DEFAULT_CACHE_DIR, contracts_dir: Path = CONTRACTS_DIR
) -> Mapping[str, Artifact]:
    """Every contract of the folder by name. `package_root` holds `node_modules`."""
    request = _standard_json(contracts_dir)
    cached = cache_dir / f"{_content_hash(request, package_root)}.json"
    if not cached.exists():
        output = await run_compiler(request, package_root)
        write_atomically(cached, json.dumps(_artifacts_of(output, contracts_dir)))
    stored: dict[str, dict[str, Any]] = json.loads(cached.read_text())
    return {name: Artifact(name, part["abi"], part["bytecode"]) for name, part in stored.items()}


def _standard_json(contracts_dir: Path) -> str:
    sources = {path.name: {"content": path.read_text()} for path in sorted(contracts_dir.glob("*.sol"))}
    return json.dumps({"language": "Solidity", "sources": sources, "settings": SETTINGS}, sort_keys=True)


def _content_hash(request: str, package_root: Path) -> str:
    digest = hashlib.sha256(request.encode())
    for package in NPM_PACKAGES:
        manifest = package_root / "node_modules" / package / "package.json"
        try:
            digest.update(f"{package}@{json.loads(manifest.read_text())['version']}".encode())
        except FileNotFoundError as error:
            raise CompileError(f"npm package {package} is not installed in {package_root}.") from error
    return digest.hexdigest()


async def run_compiler(request: str, package_root: Path) -> dict[str, Any]:
    """Standard JSON in and out, whatever the compiler found wrong; CompileError where it did not run."""
    process = await asyncio.create_subprocess_exec(
        str(find_node().node),
        str(COMPILE_SCRIPT),
        str(package_root),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(COMPILE_TIMEOUT_S):
            stdout, stderr = await process.communicate(request.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise CompileError(f"The Solidity compiler did not run: {stderr.decode(errors='replace').strip()}")
    output: dict[str, Any] = json.loads(stdout)
    return output


def _artifacts_of(output: dict[str, Any], contracts_dir: Path) -> dict[str, dict[str, Any]]:
    errors = [error["formattedMessage"] for error in output.get("errors", []) if error["severity"] == "error"]
    if errors:
        raise CompileError("\n".join(errors))
    return {
        name: {"abi": contract["abi"], "bytecode": "0x" + contract["evm"]["bytecode"]["object"]}
        for file, contracts in output["contracts"].items()
        for name, contract in contracts.items()
        if (contracts_dir / file).exists()
    }


def write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(text)
    partial.replace(path)
