"""Order an audit: of what somebody uploads, or of a registered contract with its verified source where there is one."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from crypto_api.contract_audits import service, uploads
from crypto_api.contract_audits.service import Ordered
from crypto_api.contract_audits.types import Libraries, Sources, Subject
from crypto_api.contracts import store as contracts
from crypto_api.contracts.documents import Contract
from crypto_api.kit.clock import Clock
from crypto_api.kit.solidity import Compiler
from mongodb_config.unit_of_work import UnitOfWork

NAME_MAX = 120


async def audit_upload(
    uow: UnitOfWork, clock: Clock, compiler: Compiler, libraries: Libraries, org_id: str, user_id: str, name: str, content: bytes, *, field: str
) -> Ordered:
    """InvalidInput of `field`, TooManyUnfinished."""

    def read() -> Sources:
        return uploads.prepared(uploads.read_upload(name, content, field), compiler.versions(), libraries, field)

    sources = await asyncio.to_thread(read)
    return await service.order(uow, org_id, user_id, Subject.upload(called(name)), sources, clock.now())


async def audit_given(
    uow: UnitOfWork,
    clock: Clock,
    compiler: Compiler,
    libraries: Libraries,
    org_id: str,
    user_id: str,
    name: str,
    given: Mapping[str, Any],
    *,
    field: str,
) -> Ordered:
    """Standard JSON that was read already. InvalidInput of `field`, TooManyUnfinished."""

    def read() -> Sources:
        return uploads.prepared(uploads.read_standard_json(given, field), compiler.versions(), libraries, field)

    sources = await asyncio.to_thread(read)
    return await service.order(uow, org_id, user_id, Subject.upload(called(name)), sources, clock.now())


async def audit_registered(uow: UnitOfWork, clock: Clock, contract: Contract, user_id: str) -> Ordered:
    """TooManyUnfinished. For a proxy the source is that of the implementation, where the organisation has verified it."""
    subject = Subject.contract(contract.id, contract.network, contract.address, contract.name)
    return await service.order(uow, contract.org_id, user_id, subject, await _verified(contract), clock.now())


async def _verified(contract: Contract) -> Sources | None:
    running = contract
    if contract.implementation is not None:
        rows = await contracts.by_address(contract.org_id, contract.implementation, contract.network)
        if not rows:
            return None
        running = rows[0]
    if running.verified is None:
        return None
    kept = await contracts.verification(running.org_id, running.verified.verification_id)
    if kept is None:
        return None
    standard_json: Mapping[str, Any] = json.loads(kept.standard_json)
    return Sources(standard_json, running.verified.compiler_version, code_hash=running.verified.code_hash)


def called(name: str) -> str:
    """The name of a file, as it is shown: without folders and what a reader would not see."""
    plain = "".join(char for char in name.replace("\\", "/").rpartition("/")[2] if char.isprintable()).strip()
    return plain[:NAME_MAX] or "Contract.sol"
