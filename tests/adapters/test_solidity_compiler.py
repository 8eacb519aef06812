"""Compilers run on what strangers send: nothing of this machine is read, nothing runs for ever."""

import time
from pathlib import Path
from typing import Any

import pytest

from crypto_api.adapters import solidity_compiler
from crypto_api.adapters.solidity_compiler import SolidityCompiler
from crypto_api.kit.solidity import CompilationFailed, CompilerNotInstalled
from crypto_project.npm import ROOT
from tests.factories.contracts import COMPILER

# each step doubles what the compiler has to write down
GREEDY = "contract A { function f() public pure returns (bytes memory x) {" + "x = abi.encode(x, x);" * 20_000 + "} }"


def sources(text: str) -> dict[str, Any]:
    return {"sources": {"a.sol": {"content": text}}, "settings": {}}


@pytest.fixture
def compiler(tmp_path: Path) -> SolidityCompiler:
    return SolidityCompiler(tmp_path)


async def test_files_of_this_machine_cannot_be_imported(compiler: SolidityCompiler, tmp_path: Path) -> None:
    secret = tmp_path / "secret.sol"
    secret.write_text("contract Secret {}")
    with pytest.raises(CompilationFailed) as caught:
        await compiler.compile(COMPILER, sources(f'import "{secret}"; import "./secret.sol"; import "/etc/passwd"; contract A is Secret {{}}'), "A")
    assert caught.value.code == "compilation_failed"
    assert caught.value.detail.count("not among the sources") == 3 and "root:" not in caught.value.detail


async def test_a_compilation_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    hasty = SolidityCompiler(tmp_path, limit_s=1.5)
    started = time.monotonic()
    with pytest.raises(CompilationFailed) as caught:
        await hasty.compile(COMPILER, sources(GREEDY), "A")
    assert caught.value.code == "compiler_stopped"
    assert time.monotonic() - started < 60


async def test_memory_is_bounded(compiler: SolidityCompiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solidity_compiler, "MEMORY_BYTES_MAX", 600_000_000)  # less than the compiler itself needs
    with pytest.raises(CompilationFailed) as caught:
        await compiler.compile(COMPILER, sources("contract A {}"), "A")
    assert caught.value.code == "compiler_stopped"


async def test_only_installed_compilers_run(compiler: SolidityCompiler) -> None:
    assert COMPILER in compiler.versions()
    with pytest.raises(CompilerNotInstalled, match=r"manage\.py install_solc 0\.0\.1"):
        await compiler.compile("0.0.1", sources("contract A {}"), "A")


async def test_a_compiler_of_six_years_ago_runs_the_same_way() -> None:
    compiler = SolidityCompiler(ROOT / ".data" / "solc")
    if "0.7.6" not in compiler.versions():
        pytest.skip("not installed here: python3 manage.py install_solc 0.7.6")
    made = await compiler.compile("0.7.6", sources("pragma solidity 0.7.6; contract A { uint256 immutable public x = 1; }"), "A")
    assert made.path == "a.sol" and len(made.immutables) == 1
