"""Compiles `contracts/` into `crypto_api/payments/batch_code.py`: the bytecode that is deployed, and that the signer computes its address from.

    python -m crypto_project.batch_contracts

The compiler is pinned by the lock of npm, the settings here; without the metadata's hash the bytes depend on nothing but the code. Whoever changes a
contract runs this and commits both: a test compiles again and compares.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from crypto_project.demo.compile import CompileError, run_compiler
from crypto_project.npm import ROOT

SOURCES = ROOT / "contracts"
MADE = ROOT / "crypto_api" / "payments" / "batch_code.py"
CONTRACTS = ("PackedBatch", "PackedBatchDelegate")
COMPILER = "0.8.37"
SETTINGS: dict[str, Any] = {
    "optimizer": {"enabled": True, "runs": 1_000_000},
    "viaIR": True,
    "evmVersion": "cancun",  # runs on networks that have not had Osaka yet; nothing newer would be used
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
}
_LINE = 110
_HEAD = '''"""Made by `python -m crypto_project.batch_contracts` from `contracts/`, with solc {compiler}. Not written by hand."""

'''


def standard_json(folder: Path = SOURCES) -> dict[str, Any]:
    """What the compiler is given, without the selection of outputs: enough for anybody to verify the code on a chain."""
    return {
        "language": "Solidity",
        "sources": {f"contracts/{path.name}": {"content": path.read_text()} for path in sorted(folder.glob("*.sol"))},
        "settings": SETTINGS,
    }


async def compiled() -> dict[str, tuple[bytes, bytes]]:
    """Contract → (creation, runtime)."""
    outputs = {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}}
    asked = standard_json()
    output = await run_compiler(json.dumps({**asked, "settings": {**SETTINGS, "outputSelection": outputs}}), ROOT)
    said = [row["formattedMessage"] for row in output.get("errors", [])]
    if said:  # warnings as well
        raise CompileError("\n".join(said))
    made = {name: contract["evm"] for contracts in output["contracts"].values() for name, contract in contracts.items()}
    return {name: (_bytes(made[name]["bytecode"]), _bytes(made[name]["deployedBytecode"])) for name in CONTRACTS}


def _bytes(part: dict[str, str]) -> bytes:
    return bytes.fromhex(part["object"])


def module(made: dict[str, tuple[bytes, bytes]]) -> str:
    """The Python file."""
    text = _HEAD.format(compiler=COMPILER)
    for name, (creation, runtime) in made.items():
        snake = "".join(f"_{char}" if char.isupper() and at else char for at, char in enumerate(name)).upper()
        text += _constant(f"{snake}_CREATION", creation) + _constant(f"{snake}_RUNTIME", runtime)
    return text


def _constant(name: str, value: bytes) -> str:
    digits = value.hex()
    lines = [f'    "{digits[at : at + _LINE]}"\n' for at in range(0, len(digits), _LINE)]
    return f"{name} = bytes.fromhex(\n{''.join(lines)})\n"


if __name__ == "__main__":
    MADE.write_text(module(asyncio.run(compiled())))
