"""Values and ports of the registry of contracts."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.ethereum import BlockHeader

ABI_BYTES_MAX = 500_000
SOURCE_BYTES_MAX = 900_000  # of all files of a verification: a body has 1 MB
HOPS_MAX = 4  # proxies in front of one another
READ_GAS = 30_000_000  # what a read call may use; a node has its own limit besides
ANSWER_BYTES_MAX = 256_000
PENDING_VERIFICATIONS_MAX = 5  # of one organisation


class ProxyKind(StrEnum):
    """How an address finds the code that it runs."""

    EIP1167 = "eip1167"  # a minimal proxy: the address stands in its code, and cannot change
    EIP1167_WITH_ARGUMENTS = "eip1167_with_arguments"  # with immutable arguments behind it
    EIP1967 = "eip1967"  # in the implementation slot: transparent proxies and UUPS
    EIP1967_BEACON = "eip1967_beacon"  # in the beacon slot, whose contract tells the implementation
    EIP1822 = "eip1822"  # in the slot PROXIABLE
    ZEPPELINOS = "zeppelinos"  # in the slot of the first OpenZeppelin proxies
    EIP7702 = "eip7702"  # an account that has delegated to a contract


class ResolutionProblem(StrEnum):
    """Why the implementation behind a proxy is not known."""

    NO_CODE = "no_code"  # there is no contract where it points
    CYCLE = "cycle"  # it points back at a proxy in front of it
    TOO_DEEP = "too_deep"
    BEACON_SILENT = "beacon_silent"  # the beacon does not say


class Interface(StrEnum):
    ERC20 = "ERC-20"
    ERC165 = "ERC-165"
    ERC721 = "ERC-721"
    ERC1155 = "ERC-1155"
    ERC4626 = "ERC-4626"


class AbiOrigin(StrEnum):
    """Whose word an ABI is."""

    GIVEN = "given"  # a person's
    VERIFIED = "verified"  # the compiler's, from a source that makes the code at the address


class Match(StrEnum):
    FULL = "full"  # every byte, with the hash of the metadata: the same sources to the letter
    PARTIAL = "partial"  # the same code; names of files, comments or the like may differ


class VerificationState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    MATCHED = "matched"
    MISMATCHED = "mismatched"
    FAILED = "failed"  # the source does not compile, or the compiler was stopped


class ArgumentsCheck(StrEnum):
    """What is known of the constructor's arguments."""

    NONE = "none"  # it takes none, or nobody said anything of them
    MATCHED = "matched"  # they stand in the transaction that made the contract
    UNCHECKED = "unchecked"  # that transaction is not known


class Hop(BaseModel):
    """One step from a proxy to what it points at. Addresses are EIP-55."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str
    kind: ProxyKind
    target: str
    beacon: str | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What stands at an address, all read at one block."""

    block: BlockHeader
    code: bytes
    hops: tuple[Hop, ...]
    implementation: str | None  # None: no proxy, or not known
    implementation_code: bytes
    problem: ResolutionProblem | None
    interfaces: tuple[Interface, ...] = ()

    @property
    def running_code(self) -> bytes:
        """What is executed when the address is called."""
        return self.implementation_code if self.hops else self.code


class NodeReader(Protocol):
    """A network, as far as the registry needs it. CallRefused where the node refuses, ChainUnavailable where none answers."""

    async def block_number(self) -> int: ...

    async def header(self, number: int) -> BlockHeader | None: ...

    async def call_any(self, method: str, params: list[Any]) -> Any: ...


@dataclass(frozen=True)
class NewContract:
    address: str
    network: str
    name: str = ""
    abi: str | None = None  # JSON
    source: str | None = None


@dataclass(frozen=True)
class ContractChanges:
    """None leaves as it is; an empty text takes away."""

    name: str | None = None
    abi: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class VerificationRequest:
    """`standard_json` is the compiler's input without its output selection."""

    compiler_version: str  # 0.8.37
    contract_name: str  # Token, or contracts/Token.sol:Token
    standard_json: Mapping[str, Any]
    constructor_arguments: str | None = None  # 0x…
    creation_transaction: str | None = None
