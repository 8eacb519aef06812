from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from pymongo import ASCENDING, DESCENDING, IndexModel

from crypto_api.contracts.types import AbiOrigin, ArgumentsCheck, Hop, Interface, Match, ResolutionProblem, VerificationState
from mongodb_config.base_document import TenantDocument


class Verified(BaseModel):
    """The last verification that matched: of the code with that hash, and of no other."""

    model_config = ConfigDict(extra="forbid")

    verification_id: str
    match: Match
    code_hash: str
    contract_name: str
    compiler_version: str
    at: datetime


class Contract(TenantDocument):
    """A contract that an organisation deals with. What the chain says of it was read at a block and is read again on request."""

    network: str
    chain_id: int
    address: str  # EIP-55
    name: str
    name_folded: str
    code_hash: str  # keccak-256 of the code at the address
    code_size: int  # bytes
    hops: list[Hop] = []
    implementation: str | None = None
    implementation_code_hash: str | None = None
    problem: ResolutionProblem | None = None
    interfaces: list[Interface] = []
    read_block_number: int
    read_block_hash: str
    read_at: datetime
    abi_origin: AbiOrigin | None = None  # None: there is no ABI
    abi_for: str | None = None  # the implementation for which it was given: another one may have other functions
    has_source: bool = False
    verified: Verified | None = None
    created_by: str
    updated_at: datetime
    version: int = 1  # grows with each change; the ETag

    class Settings:
        name = "contracts"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("network", ASCENDING), ("address", ASCENDING)], unique=True, name="org_address"),
            IndexModel([("org_id", ASCENDING), ("name_folded", ASCENDING), ("_id", ASCENDING)], name="org_name"),
        ]


class ContractText(TenantDocument):
    """What is long about a contract, kept apart so that lists stay light. `_id` is the contract's."""

    abi: str = ""  # JSON
    source: str = ""  # as a person gave it, or the files of the verified one

    class Settings:
        name = "contract_texts"


class ContractVerification(TenantDocument):
    """One try to show that a source makes the code at an address."""

    contract_id: str
    network: str
    address: str
    requested_by: str
    task_id: str
    compiler_version: str
    contract_name: str
    standard_json: str
    constructor_arguments: str | None = None
    creation_transaction: str | None = None
    state: VerificationState = VerificationState.PENDING
    started_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: dict[str, Any] | None = None  # as the task tells it
    match: Match | None = None
    arguments: ArgumentsCheck = ArgumentsCheck.NONE
    reason: str = ""

    class Settings:
        name = "contract_verifications"
        indexes = [
            IndexModel([("org_id", ASCENDING), ("contract_id", ASCENDING), ("_id", DESCENDING)], name="org_contract_latest"),
            IndexModel(
                [("state", ASCENDING), ("created_at", ASCENDING)],
                partialFilterExpression={"state": {"$in": ["pending", "running"]}},
                name="unfinished",
            ),
        ]
