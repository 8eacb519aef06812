"""What passes between the product and a static analyser of Solidity."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

FINDINGS_MAX = 2_000
"""Of one run; what is more is counted and not told."""


class Element(BaseModel):
    """A part of a source that a finding is about. Lines count from 1."""

    model_config = ConfigDict(frozen=True)

    type: str  # contract, function, variable, node, …
    name: str
    file: str
    first_line: int
    last_line: int


class RawFinding(BaseModel):
    """As the analyser tells it. `id` is the same whenever the same code is found at fault for the same reason."""

    model_config = ConfigDict(frozen=True)

    id: str
    check: str  # reentrancy-eth
    impact: str  # High, Medium, Low, Informational, Optimization
    confidence: str  # High, Medium, Low
    description: str
    reference: str = ""
    elements: tuple[Element, ...] = ()


class Analysis(BaseModel):
    model_config = ConfigDict(frozen=True)

    version: str
    detectors: int
    contracts: int
    network: str  # how it was kept from the network: "seccomp", or "not enforced"
    findings: tuple[RawFinding, ...]
    dropped: int = 0  # findings beyond FINDINGS_MAX


@dataclass(frozen=True, slots=True)
class Program:
    """What a compiler made of sources: its answer, and of it the code of each contract (`path:Name` → hexadecimal)."""

    answer: Mapping[str, Any]
    runtime: Mapping[str, str]


class AnalysisFailed(Exception):
    """The analyser was stopped or ended without an answer: told as the outcome."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class Analyser(Protocol):
    """Runs in a process and an environment of its own, without a network, bounded in time and memory."""

    async def analyse(self, version: str, standard_json: Mapping[str, Any], program: Program) -> Analysis:
        """AnalysisFailed. `program` is what the compiler of that `version` made of `standard_json`."""
