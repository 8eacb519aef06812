import re
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from crypto_api.contracts.abi import Entry
from crypto_api.contracts.documents import Contract, ContractVerification
from crypto_api.contracts.service import CallableAbi
from crypto_api.contracts.types import (
    AbiOrigin,
    ArgumentsCheck,
    Hop,
    Interface,
    Match,
    ProxyKind,
    ResolutionProblem,
    VerificationRequest,
    VerificationState,
)
from crypto_api.flows.call_contract import Answered
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Line, QueryFlag, ReadSchema, RequestSchema, Time, Word, inert
from crypto_api.kit.amounts import Money

ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)


def _plain_abi(given: list[dict[str, JsonValue]] | str) -> list[dict[str, JsonValue]] | str:
    """What is told of an entry has a name of letters, whichever compiler wrote it. Everything else is looked at where an ABI is read."""
    if isinstance(given, str):
        if given.strip() and given.lstrip()[0] not in "[{":
            raise ValueError("must be JSON")
        return inert(given)
    if not all(_KEY.fullmatch(key) for entry in given for key in entry):
        raise ValueError("must be a list of functions, events and errors")
    return given


AbiGiven = Annotated[list[dict[str, JsonValue]] | Annotated[str, StringConstraints(max_length=600_000)], AfterValidator(_plain_abi)]
SourceText = Annotated[str, StringConstraints(max_length=900_000), AfterValidator(inert)]
"""What turns the direction of text makes a source read as another than is compiled ("Trojan Source", CVE-2021-42574)."""

Hex = Annotated[str, StringConstraints(pattern=r"^0x([0-9a-fA-F]{2})*$", max_length=100_000)]
Hash = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{64}$")]
EvmVersion = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z]{4,24}$")]


def _exact_version(text: str) -> str:
    """`v0.8.37+commit.1f2d3e4a` is 0.8.37."""
    return text.removeprefix("v").split("+")[0]


CompilerVersion = Annotated[
    str, StringConstraints(pattern=r"^v?[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,3}(\+commit\.[0-9a-f]{8})?$"), AfterValidator(_exact_version)
]
ContractName = Annotated[str, StringConstraints(pattern=r"^([\x21-\x7e]{1,300}:)?[A-Za-z_$][A-Za-z0-9_$]{0,127}$")]


# ---- what comes in ---------------------------------------------------------------------------------------------------------------


class ContractCreate(RequestSchema):
    address: Word = Field(examples=[ADDRESS])
    network: Word = Field(examples=["ethereum"], description="The slug of a network of this installation.")
    name: Line | None = Field(default=None, examples=["Vesting"])
    abi: AbiGiven | None = Field(default=None, description="The contract's ABI, as JSON or as text that holds it; for a proxy its implementation's.")
    source: SourceText | None = Field(default=None, description="Source text, kept beside it. Only a verification says whether it is the contract's.")


class ContractUpdate(RequestSchema):
    name: Line | None = Field(default=None, examples=["Vesting of the founders"])
    abi: AbiGiven | None = Field(default=None, description="An empty list takes it away.")
    source: SourceText | None = Field(default=None, description="An empty text takes it away.")


class ContractQuery(PageQuery):
    network: Word | None = None
    verified: QueryFlag | None = None
    q: Word | None = Field(default=None, description="Part of the name or of an address.")


class SourceFile(RequestSchema):
    content: SourceText
    keccak256: Word | None = None
    license: Word | None = None


class YulDetails(RequestSchema):
    stackAllocation: bool | None = None  # noqa: N815  the compiler's own names
    optimizerSteps: Word | None = None  # noqa: N815


class OptimizerDetails(RequestSchema):
    peephole: bool | None = None
    inliner: bool | None = None
    jumpdestRemover: bool | None = None  # noqa: N815
    orderLiterals: bool | None = None  # noqa: N815
    deduplicate: bool | None = None
    cse: bool | None = None
    constantOptimizer: bool | None = None  # noqa: N815
    simpleCounterForLoopUncheckedIncrement: bool | None = None  # noqa: N815
    yul: bool | None = None
    yulDetails: YulDetails | None = None  # noqa: N815


class OptimizerSettings(RequestSchema):
    enabled: bool | None = None
    runs: int | None = Field(default=None, ge=0, le=4_294_967_295)
    details: OptimizerDetails | None = None


class MetadataSettings(RequestSchema):
    bytecodeHash: Literal["ipfs", "bzzr1", "none"] | None = None  # noqa: N815
    useLiteralContent: bool | None = None  # noqa: N815
    appendCBOR: bool | None = None  # noqa: N815


class DebugSettings(RequestSchema):
    revertStrings: Literal["default", "strip", "debug", "verboseDebug"] | None = None  # noqa: N815
    debugInfo: list[Word] | None = None  # noqa: N815


class StandardSettings(RequestSchema):
    """What of the compiler's settings has to do with the code. `outputSelection` and `compilationTarget` are taken, and of no effect."""

    optimizer: OptimizerSettings | None = None
    evmVersion: EvmVersion | None = None  # noqa: N815
    viaIR: bool | None = None  # noqa: N815
    remappings: list[Word] | None = None
    libraries: dict[str, dict[str, Word]] | None = None
    metadata: MetadataSettings | None = None
    debug: DebugSettings | None = None
    outputSelection: dict[str, dict[str, list[Word]]] | None = None  # noqa: N815
    compilationTarget: dict[str, Word] | None = None  # noqa: N815


class StandardInput(RequestSchema):
    """The compiler's "standard JSON input"."""

    language: Literal["Solidity"]
    sources: dict[str, SourceFile] = Field(min_length=1, max_length=1_000)
    settings: StandardSettings = Field(default_factory=StandardSettings)

    def plain(self) -> dict[str, Any]:
        """For the compiler."""
        settings = self.settings.model_dump(exclude_none=True, exclude={"outputSelection", "compilationTarget"})
        return {"sources": {path: {"content": file.content} for path, file in self.sources.items()}, "settings": settings}


class VerifySettings(RequestSchema):
    optimizer: bool = Field(default=False, examples=[True])
    runs: int = Field(default=200, ge=0, le=4_294_967_295)
    evm_version: EvmVersion | None = Field(default=None, examples=["cancun"], description="The compiler's own default where none is given.")
    via_ir: bool = False
    libraries: dict[str, Word] = Field(default={}, description="Addresses of linked libraries, by `path:Library`; they are not needed to compare.")


class ContractVerify(RequestSchema):
    """Either one `source` with `settings`, or the compiler's `standard_json`."""

    compiler_version: CompilerVersion = Field(examples=["0.8.37"])
    contract_name: ContractName = Field(examples=["Token"], description="`path:Name` where several files hold a contract of that name.")
    source: SourceText | None = Field(default=None, examples=["contract Token { uint256 public totalSupply; }"])
    settings: VerifySettings | None = None
    standard_json: StandardInput | None = None
    constructor_arguments: Hex | None = Field(default=None, description="ABI-encoded, as they follow the creation code.")
    creation_transaction: Hash | None = Field(default=None, description="The transaction that created it: the arguments are then compared with it.")

    @model_validator(mode="after")
    def _one_of_two(self) -> "ContractVerify":
        if bool(self.source) == (self.standard_json is not None):
            raise ValueError("give either source or standard_json")
        if self.standard_json is not None and self.settings is not None:
            raise ValueError("settings go with source; those of standard_json stand in it")
        return self

    def request(self) -> VerificationRequest:
        made = self.standard_json.plain() if self.standard_json is not None else single_source(self.source or "", self.settings or VerifySettings())
        return VerificationRequest(self.compiler_version, self.contract_name, made, self.constructor_arguments, self.creation_transaction)


SINGLE_FILE = "Contract.sol"


def single_source(source: str, given: VerifySettings) -> dict[str, Any]:
    settings: dict[str, Any] = {"optimizer": {"enabled": given.optimizer, "runs": given.runs}}
    if given.evm_version is not None:
        settings["evmVersion"] = given.evm_version
    if given.via_ir:
        settings["viaIR"] = True
    for full_name, address in given.libraries.items():
        path, _, name = full_name.rpartition(":")
        settings.setdefault("libraries", {}).setdefault(path or SINGLE_FILE, {})[name] = address
    return {"sources": {SINGLE_FILE: {"content": source}}, "settings": settings}


class ContractInteract(RequestSchema):
    function: Word = Field(examples=["balanceOf(address)"], description="Its name, signature or selector.")
    arguments: list[JsonValue] = Field(
        default=[],
        max_length=64,
        examples=[[ADDRESS]],
        description="In their order: whole numbers as decimal strings, bytes in hexadecimal, tuples as objects by name or as lists.",
    )
    block: int | None = Field(default=None, ge=0, le=2**53, description="For a read call: at which block. The head where none is given.")
    wallet_id: Word | None = Field(default=None, description="For a call that changes something: the wallet that sends and pays for it.")
    value: Money | None = Field(default=None, description="For a payable function: whole units of the native coin that go with it.")


def abi_text(given: AbiGiven | None) -> str | None:
    """As it is stored; empty for none."""
    if given is None or isinstance(given, str):
        return given
    return orjson.dumps(given).decode() if given else ""


# ---- what goes out ---------------------------------------------------------------------------------------------------------------


class VerifiedRead(ReadSchema):
    match: Match
    contract_name: str = Field(examples=["Contract.sol:Token"])
    compiler_version: str
    at: Time
    current: bool = Field(description="False: the code at the address has changed since.")


class ContractRead(ReadSchema):
    id: str = Field(examples=["ctr_01k9x5r3v8"])
    address: str = Field(examples=[ADDRESS])
    network: str
    chain_id: int
    name: str
    kind: Literal["contract"] | ProxyKind = Field(description="`contract`, or the kind of proxy that it is.")
    implementation: str | None = Field(description="Where the code of a proxy stands in the end.")
    proxies: list[Hop] = Field(description="Each step from the address to its code.")
    problem: ResolutionProblem | None = Field(description="Why the implementation is not known.")
    interfaces: list[Interface]
    code_hash: str
    code_size: int = Field(description="Bytes at the address.")
    abi_origin: AbiOrigin | None
    abi_stale: bool = Field(description="The ABI was given for another implementation than runs now.")
    has_source: bool
    verified: VerifiedRead | None
    read_block_number: int
    read_at: Time
    created_by: str
    created_at: Time
    updated_at: Time

    @classmethod
    def values_of(cls, row: Contract) -> dict[str, Any]:
        verified = row.verified
        as_stored = (
            "id",
            "address",
            "network",
            "chain_id",
            "name",
            "implementation",
            "problem",
            "interfaces",
            "code_hash",
            "code_size",
            "abi_origin",
        )
        rest = ("has_source", "read_block_number", "read_at", "created_by", "created_at", "updated_at")
        return {
            **{name: getattr(row, name) for name in (*as_stored, *rest)},
            "kind": row.hops[0].kind if row.hops else "contract",
            "proxies": row.hops,
            "abi_stale": row.abi_for is not None and row.abi_for != row.implementation,
            "verified": VerifiedRead(
                match=verified.match,
                contract_name=verified.contract_name,
                compiler_version=verified.compiler_version,
                at=verified.at,
                current=verified.code_hash == row.code_hash,
            )
            if verified
            else None,
        }

    @classmethod
    def of(cls, row: Contract) -> "ContractRead":
        return cls(**cls.values_of(row))


class VerificationRead(ReadSchema):
    id: str
    state: VerificationState
    match: Match | None
    compiler_version: str
    contract_name: str
    constructor_arguments: ArgumentsCheck
    reason: str
    outcome: dict[str, Any] | None
    task_id: str
    created_at: Time
    finished_at: Time | None

    @classmethod
    def of(cls, row: ContractVerification) -> "VerificationRead":
        return cls(
            **{name: getattr(row, name) for name in cls.model_fields if name != "constructor_arguments"},
            constructor_arguments=row.arguments,
        )


class ContractDetailRead(ContractRead):
    source: str | None = Field(description="As a person gave it: nobody vouches for it.")
    sources: dict[str, str] | None = Field(description="The files of the verified source.")
    verification: VerificationRead | None = Field(description="The last try.")


class ClashRead(ReadSchema):
    selector: str = Field(examples=["0xa9059cbb"])
    signatures: list[str]


class FunctionRead(ReadSchema):
    name: str
    signature: str = Field(examples=["balanceOf(address)"])
    selector: str = Field(examples=["0x70a08231"])
    mutability: str = Field(examples=["view"])


class ContractAbiRead(ReadSchema):
    abi: list[dict[str, Any]] | None = Field(description="None where nobody has given one.")
    origin: AbiOrigin | None
    sources: list[str] = Field(description="The addresses whose ABIs it is made of: for a proxy that of its implementation too.")
    stale: bool
    functions: list[FunctionRead]
    clashes: list[ClashRead] = Field(description="Functions that a call cannot tell apart.")

    @classmethod
    def of(cls, row: Contract, found: CallableAbi | None) -> "ContractAbiRead":
        if found is None:
            return cls(abi=None, origin=None, sources=[], stale=False, functions=[], clashes=[])
        return cls(
            abi=list(found.abi.raw),
            origin=row.abi_origin,
            sources=list(found.sources),
            stale=found.stale,
            functions=[_function(entry) for entry in found.abi.functions],
            clashes=[ClashRead(selector=selector, signatures=signatures) for selector, signatures in found.abi.clashes()],
        )


def _function(entry: Entry) -> FunctionRead:
    return FunctionRead(name=entry.name, signature=entry.signature, selector=entry.selector, mutability=entry.mutability)


class OutputRead(ReadSchema):
    name: str
    type: str = Field(examples=["uint256"])
    value: Any = Field(description="Whole numbers as decimal strings, bytes in hexadecimal, tuples as objects by name.")


class InteractionRead(ReadSchema):
    function: str = Field(examples=["balanceOf(address)"])
    block_number: int
    block_hash: str
    outputs: list[OutputRead]
    raw: str = Field(description="The answer's bytes.")

    @classmethod
    def of(cls, found: Answered) -> "InteractionRead":
        outputs = [
            OutputRead(name=part.name, type=part.type.canonical, value=value)
            for part, value in zip(found.function.outputs, found.values, strict=True)
        ]
        return cls(function=found.function.signature, block_number=found.block.number, block_hash=found.block.hash, outputs=outputs, raw=found.raw)
