"""The Solidity compiler of any version (npm `solc`), run on sources that nobody vouches for.

A child process for each compilation: bounded in memory, processor time, wall time and size of what it writes; it may read the compiler and its
input and write its output, and no other file (Node's permission model, besides that nothing in it asks for one); imports that are not among the
sources are refused. It has none of our settings in its environment.
"""

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crypto_api.adapters.node_js import NodeMissing, find_node
from crypto_api.kit.solidity import CompilationFailed, CompiledContract, CompilerNotInstalled
from crypto_api.kit.static_analysis import Program

NODE_MODULES = (Path(__file__).resolve().parents[2] / "node_modules").resolve()  # a link to it is allowed to lead out
DRIVER, LIMITER = Path(__file__).with_name("solc_driver.js"), Path(__file__).with_name("limited_child.py")
MEMORY_BYTES_MAX = 4_000_000_000  # address space: a compiler in WebAssembly reserves far more than it uses
HEAP_MB_MAX = 1_024
OUTPUT_BYTES_MAX = 50_000_000
LIMIT_S = 45.0  # less than a job may take
SAID_MAX = 2_000
_OUTPUTS = [
    "abi",
    "evm.bytecode.object",
    "evm.bytecode.linkReferences",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
    "evm.deployedBytecode.linkReferences",
]
_FOR_ANALYSIS = ["abi", "devdoc", "userdoc", *(f"evm.{part}.{what}" for part in ("bytecode", "deployedBytecode") for what in ("object", "sourceMap"))]
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+", re.ASCII)
_NO_IMMUTABLES = re.compile(r"0\.([0-5]\.[0-9]+|6\.[0-4])")  # older compilers refuse to be asked for what they do not have


class SolidityCompiler:
    """`folder` is where `install_solc` puts compilers, one folder a version."""

    def __init__(self, folder: Path, *, limit_s: float = LIMIT_S) -> None:
        self._folder, self._limit_s = folder.resolve(), limit_s

    def versions(self) -> list[str]:
        return sorted(self._installed(), key=lambda version: [int(part) for part in version.split(".")], reverse=True)

    async def compile(self, version: str, standard_json: Mapping[str, Any], contract_name: str) -> CompiledContract:
        """CompilerNotInstalled, or CompilationFailed. The name is that of a contract, with `path:` before it where several files have one."""
        package = self._installed().get(version)
        if package is None:
            raise CompilerNotInstalled(version, self.versions())
        output = await self._run(package, _input(version, standard_json, contract_name))
        _refuse_errors(output)
        return _chosen(output.get("contracts", {}), contract_name)

    async def compile_all(self, version: str, standard_json: Mapping[str, Any]) -> Program:
        """Everything that a static analyser asks for, of every contract. CompilerNotInstalled, CompilationFailed."""
        package = self._installed().get(version)
        if package is None:
            raise CompilerNotInstalled(version, self.versions())
        settings = {**standard_json.get("settings", {}), "outputSelection": {"*": {"*": _FOR_ANALYSIS, "": ["ast"]}}}
        output = await self._run(package, {"language": "Solidity", "sources": standard_json["sources"], "settings": settings})
        _refuse_errors(output)
        made = {f"{path}:{name}": one for path, found in output.get("contracts", {}).items() for name, one in found.items()}
        return Program(output, {name: one["evm"]["deployedBytecode"]["object"] for name, one in made.items()})

    def _installed(self) -> dict[str, Path]:
        """Version → folder of the npm package."""
        candidates: Iterable[Path] = [*NODE_MODULES.glob("solc*"), *self._folder.glob("*/node_modules/solc")]
        return {version: package for package in candidates if (version := _version_of(package))}

    async def _run(self, package: Path, standard_json: dict[str, Any]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="coffer-solc-") as name:
            folder = Path(name)
            given, made = folder / "input.json", folder / "output.json"
            await asyncio.to_thread(given.write_text, json.dumps(standard_json))
            await self._child(_command(package, folder, given, made), folder)
            return await asyncio.to_thread(_read, made)

    async def _child(self, command: list[str], folder: Path) -> None:
        seconds = str(int(self._limit_s) + 1)
        limits = [str(os.getpid()), str(MEMORY_BYTES_MAX), seconds, str(OUTPUT_BYTES_MAX)]
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(LIMITER), *limits, *command),
            cwd=folder,
            env={"PATH": os.defpath, "HOME": str(folder)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(self._limit_s):
                code = await child.wait()
        except TimeoutError as error:
            raise CompilationFailed("compiler_stopped", f"The compiler was stopped after {self._limit_s:g} seconds.") from error
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if code != 0:
            raise CompilationFailed("compiler_stopped", "The compiler was stopped: the source takes more time or memory than a verification may.")


def _refuse_errors(output: Mapping[str, Any]) -> None:
    problems = [row for row in output.get("errors", []) if row.get("severity") == "error"]
    if problems:
        said = "\n".join(str(row.get("formattedMessage") or row.get("message")) for row in problems)
        raise CompilationFailed("compilation_failed", said[:SAID_MAX])


def _command(package: Path, folder: Path, given: Path, made: Path) -> list[str]:
    try:
        node = find_node()
    except NodeMissing as error:
        raise CompilationFailed("compiler_missing", f"Compilers cannot be run here: {error}.") from error
    permission = "--permission" if node.major >= 23 else "--experimental-permission"
    readable = [package.parent, DRIVER, given]
    allowed = [permission, *(f"--allow-fs-read={path}{os.sep if path.is_dir() else ''}" for path in readable), f"--allow-fs-write={made}"]
    # without its trap handler WebAssembly does not reserve eight gigabytes of addresses, so that the limit can be a real one
    return [
        str(node.node),
        *allowed,
        "--disable-wasm-trap-handler",
        f"--max-old-space-size={HEAP_MB_MAX}",
        str(DRIVER),
        str(package),
        str(given),
        str(made),
    ]


def _read(made: Path) -> dict[str, Any]:
    try:
        output = json.loads(made.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise CompilationFailed("compiler_stopped", "The compiler ended without an answer.") from error
    return output if isinstance(output, dict) else {}


def _version_of(package: Path) -> str | None:
    try:
        version = json.loads((package / "package.json").read_bytes())["version"]
    except (OSError, ValueError, KeyError):
        return None
    return version if isinstance(version, str) and _VERSION.fullmatch(version) else None


def _input(version: str, standard_json: Mapping[str, Any], contract_name: str) -> dict[str, Any]:
    """With the one selection of outputs that is needed."""
    path, name = split_name(contract_name)
    outputs = [output for output in _OUTPUTS if "immutable" not in output or not _NO_IMMUTABLES.fullmatch(version)]
    settings = {**standard_json.get("settings", {}), "outputSelection": {path or "*": {name: outputs}}}
    return {"language": "Solidity", "sources": standard_json["sources"], "settings": settings}


def split_name(contract_name: str) -> tuple[str, str]:
    """`contracts/Token.sol:Token` as (path, name); the path is empty where none is given."""
    path, _, name = contract_name.rpartition(":")
    return path, name


def _chosen(contracts: Mapping[str, Mapping[str, Any]], contract_name: str) -> CompiledContract:
    path, name = split_name(contract_name)
    found = [(file, made[name]) for file, made in contracts.items() if name in made and path in ("", file)]
    found = [(file, made) for file, made in found if made["evm"]["deployedBytecode"]["object"]]
    if not found:
        raise CompilationFailed("contract_not_found", f"The sources hold no contract {contract_name} with code.")
    if len(found) > 1:
        files = ", ".join(file for file, _ in found)
        raise CompilationFailed("contract_ambiguous", f"Several files hold a contract {name}: say which, as path:{name}. They are {files}.")
    file, made = found[0]
    runtime, creation = made["evm"]["deployedBytecode"], made["evm"]["bytecode"]
    return CompiledContract(
        path=file,
        name=name,
        abi=json.dumps(made["abi"], separators=(",", ":")),
        runtime=runtime["object"],
        creation=creation["object"],
        immutables={key: _spans(spans) for key, spans in (runtime.get("immutableReferences") or {}).items()},
        runtime_links=_links(runtime),
        creation_links=_links(creation),
    )


def _links(part: Mapping[str, Any]) -> dict[str, list[tuple[int, int]]]:
    return {f"{file}:{library}": _spans(spans) for file, found in (part.get("linkReferences") or {}).items() for library, spans in found.items()}


def _spans(rows: Iterable[Mapping[str, int]]) -> list[tuple[int, int]]:
    return [(row["start"], row["length"]) for row in rows]
