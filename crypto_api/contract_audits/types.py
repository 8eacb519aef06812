"""Values of the slice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.amounts import StoredDecimal

TASK_KIND = "audit_contract"
LEASE = timedelta(seconds=30)
"""How long a worker may say nothing until another takes its audit up."""
TRIES_MAX = 3  # of workers that died over it
UNFINISHED_MAX = 10  # of an organisation
KEPT_MAX = 2_000  # uploads of one person in an organisation: 4 GB at the most, since they are kept for ever
SOURCE_BYTES_MAX = 2_000_000  # of all files together, with what they import
FILES_MAX = 400
UPLOAD_BYTES_MAX = 10_000_000  # an archive, packed
RATIO_MAX = 100  # unpacked to packed, of an archive

SCORE_MAX = 100
FORMULA = "min(100, sum over open findings of weight(severity) x factor(confidence)), rounded down"
"""Ours; nobody's standard. Three findings of high severity, or ten of medium, fill it."""


class AuditStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Severity(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFORMATIONAL = "informational"
    OPTIMIZATION = "optimization"


class Confidence(StrEnum):
    """How sure it is that what was found is there. That it does harm is nowhere said."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class FoundBy(StrEnum):
    """What found it."""

    SLITHER = "slither"
    BYTECODE = "bytecode"


class SubjectKind(StrEnum):
    UPLOAD = "upload"
    CONTRACT = "contract"


class Change(StrEnum):
    """Against the audit of the same subject before."""

    FIRST = "first"  # there was none
    NEW = "new"
    STILL_THERE = "still_there"


class Subject(BaseModel):
    """What is audited. Audits with the same `key` are of the same thing and are compared with one another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: SubjectKind
    key: str
    name: str
    network: str | None = None
    address: str | None = None  # EIP-55
    contract_id: str | None = None

    @classmethod
    def upload(cls, name: str) -> "Subject":
        return cls(kind=SubjectKind.UPLOAD, key=f"upload:{name}", name=name)

    @classmethod
    def contract(cls, contract_id: str, network: str, address: str, name: str) -> "Subject":
        return cls(kind=SubjectKind.CONTRACT, key=f"contract:{contract_id}", name=name, network=network, address=address, contract_id=contract_id)


class Place(BaseModel):
    """Lines of a source, counted from 1, with the text that stands there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    first_line: int
    last_line: int
    name: str = ""  # of the function or variable
    excerpt_from: int = 0  # the first line of the excerpt
    excerpt: str = ""


class Evidence(BaseModel):
    """What in the code or in the storage a check of the bytecode rests on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str  # selector, opcode, slot, call, pattern
    value: str  # 0x40c10f19, DELEGATECALL, …
    means: str = ""  # mint(address,uint256)
    offset: int | None = None  # byte in the code, from 0
    address: str | None = None


class Found(BaseModel):
    """One finding before it is stored. `key` is the same whenever the same thing is found for the same reason; `fingerprint` when what it rests on
    has not changed either: a suppression holds for both together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    fingerprint: str
    origin: FoundBy
    check: str
    title: str
    severity: Severity
    confidence: Confidence
    description: str
    reference: str = ""
    places: list[Place] = []
    evidence: list[Evidence] = []


class Term(BaseModel):
    """A row of the risk score: so many open findings of that severity and confidence, and what they add."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    severity: Severity
    confidence: Confidence
    count: int
    weight: int
    factor: StoredDecimal
    points: StoredDecimal


class Tool(BaseModel):
    """What Slither was, or why it did not run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ran: bool
    reason: str = ""  # why not
    version: str = ""
    detectors: int = 0
    contracts: int = 0
    network: str = ""  # how it was kept from the network
    compiler_version: str = ""
    milliseconds: int = 0


class Block(BaseModel):
    """At which the code and the storage were read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int
    hash: str


@dataclass(frozen=True)
class Sources:
    """What the analyser looks at: the compiler's input with everything that is imported. Findings in `dependencies` alone are not told."""

    standard_json: Mapping[str, Any]
    compiler_version: str
    dependencies: frozenset[str] = frozenset()
    code_hash: str | None = None  # of the code that they were verified to make


@dataclass(frozen=True)
class Uploaded:
    """Files as they came, by path, with remappings of imports and settings of the compiler where the upload had them."""

    files: Mapping[str, str]
    remappings: tuple[str, ...] = ()
    settings: Mapping[str, Any] | None = None


class Libraries(Protocol):
    """Sources that are installed here and may be imported by name."""

    def read(self, path: str) -> str | None:
        """None where it is none of them."""
