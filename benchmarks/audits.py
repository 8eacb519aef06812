"""What an audit takes beside bare Slither over the same sources, in the same environment, on the same compiler's answer.

    python -m benchmarks.audits [--runs 5]

Bare: one Python of Slither's environment that imports it and runs every detector. Ours: the same with the compiler run first, in processes of their
own within limits, the checks of the code, the findings read and put in order. Each way in turn, the medians compared.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from crypto_api.adapters import slither, slither_environment
from crypto_api.adapters.slither import Slither
from crypto_api.adapters.solidity_compiler import SolidityCompiler
from crypto_api.adapters.solidity_libraries import InstalledLibraries
from crypto_api.config import load_config
from crypto_api.contract_audits import bytecode, rules, uploads
from crypto_api.contracts.bytecode import hex_bytes
from crypto_api.kit.static_analysis import Program

SMALL = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
contract Bank {
    mapping(address => uint256) public balances;
    function deposit() external payable { balances[msg.sender] += msg.value; }
    function withdraw() external {
        (bool ok, ) = msg.sender.call{value: balances[msg.sender]}("");
        require(ok, "refused");
        balances[msg.sender] = 0;
    }
}
"""
ERC20 = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
contract Token is ERC20Permit, Ownable {
    constructor() ERC20("Token", "TKN") ERC20Permit("Token") Ownable(msg.sender) {}
    function mint(address to, uint256 amount) external onlyOwner { _mint(to, amount); }
}
"""


class Ways:
    def __init__(self) -> None:
        config = load_config()
        self.compiler, self.analyser = SolidityCompiler(config.solc_dir), Slither(config.slither_dir)
        self.python = slither_environment.ensure(config.slither_dir)

    async def ours(self, name: str, text: str) -> int:
        """An upload until its findings are in order. How many."""
        sources = uploads.prepared(uploads.read_upload(name, text.encode(), "file"), self.compiler.versions(), InstalledLibraries(), "file")
        program = await self.compiler.compile_all(sources.compiler_version, sources.standard_json)
        analysis = await self.analyser.analyse(sources.compiler_version, sources.standard_json, program)
        texts = {path: source["content"] for path, source in sources.standard_json["sources"].items()}
        found = rules.of_slither(analysis, texts, sources.dependencies)
        for where, code in program.runtime.items():
            if code and where.rpartition(":")[0] not in sources.dependencies:
                found += bytecode.checks(bytecode.Look(code=hex_bytes(code), where=where))
        return len(rules.in_order(found))

    async def compiled(self, name: str, text: str) -> tuple[str, dict[str, Any], Program]:
        sources = uploads.prepared(uploads.read_upload(name, text.encode(), "file"), self.compiler.versions(), InstalledLibraries(), "file")
        return sources.compiler_version, dict(sources.standard_json), await self.compiler.compile_all(sources.compiler_version, sources.standard_json)

    def bare(self, version: str, standard_json: dict[str, Any], program: Program) -> int:
        """Slither over the compiler's answer, without limits, in a folder that is there already. How many findings."""
        with tempfile.TemporaryDirectory() as folder:
            slither._write(Path(folder), standard_json, program)
            subprocess.run([self.python, "-I", slither.CHILD, version, folder], check=True, capture_output=True)
            return len(json.loads((Path(folder) / "found.json").read_text())["findings"])


async def measure(ways: Ways, name: str, text: str, runs: int) -> None:
    version, standard_json, program = await ways.compiled(name, text)
    ours, bare = [], []
    for _ in range(runs):
        started = time.perf_counter()
        told = await ways.ours(name, text)
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        found = ways.bare(version, standard_json, program)
        bare.append(time.perf_counter() - started)
    compiling = []
    for _ in range(runs):
        started = time.perf_counter()
        await ways.compiled(name, text)
        compiling.append(time.perf_counter() - started)
    a, b, c = (statistics.median(each) for each in (ours, bare, compiling))
    print(f"{name}: {len(standard_json['sources'])} files, Slither {found} findings, told {told}")
    print(f"  audit {a:.2f} s, bare Slither {b:.2f} s on a compilation of {c:.2f} s: {a / (b + c):.2f} times both, {a / b:.2f} times Slither alone")


async def main(runs: int) -> None:
    ways = Ways()
    for name, text in (("Bank.sol", SMALL), ("Token.sol", ERC20)):
        await measure(ways, name, text, runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    sys.exit(asyncio.run(main(parser.parse_args().runs)))
