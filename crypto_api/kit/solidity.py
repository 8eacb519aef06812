"""What passes between the product and a Solidity compiler."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from crypto_api.kit.errors import Conflict
from crypto_api.kit.static_analysis import Program


@dataclass(frozen=True, slots=True)
class CompiledContract:
    """`runtime` and `creation` are hexadecimal, with `__$…$__` where a library's address belongs; spans are (start, length) in bytes."""

    path: str
    name: str
    abi: str  # JSON
    runtime: str
    creation: str
    immutables: Mapping[str, list[tuple[int, int]]] = field(default_factory=dict)  # by the AST id of the variable
    runtime_links: Mapping[str, list[tuple[int, int]]] = field(default_factory=dict)  # by path:Library
    creation_links: Mapping[str, list[tuple[int, int]]] = field(default_factory=dict)


class CompilerNotInstalled(Conflict):
    code = "compiler_not_installed"

    def __init__(self, version: str, installed: list[str]) -> None:
        there = f" Installed: {', '.join(installed)}." if installed else ""
        super().__init__(
            f"The compiler {version} is not installed here. Whoever runs this installation adds it: python3 manage.py install_solc {version}.{there}"
        )


class CompilationFailed(Exception):
    """The source does not compile, or takes too long or too much: told as the outcome of the verification."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class Compiler(Protocol):
    """Runs a compiler of exactly that version on sources that nobody vouches for, apart from everything else."""

    def versions(self) -> list[str]:
        """The installed ones, newest first."""

    async def compile(self, version: str, standard_json: Mapping[str, Any], contract_name: str) -> CompiledContract:
        """CompilerNotInstalled, or CompilationFailed with what the compiler said, or that it was stopped."""

    async def compile_all(self, version: str, standard_json: Mapping[str, Any]) -> Program:
        """For a static analyser. CompilerNotInstalled, CompilationFailed."""
