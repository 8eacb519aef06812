"""The verbs of the registry. What stands on the chain was read before: nothing here asks a node."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eth_utils.crypto import keccak

from crypto_api.audit import service as audit
from crypto_api.contracts import store
from crypto_api.contracts.abi import Abi, parse_abi
from crypto_api.contracts.documents import Contract, ContractText
from crypto_api.contracts.errors import AbiMissing
from crypto_api.contracts.events import ContractRegistered, ContractUpdated, ContractUpgraded
from crypto_api.contracts.types import AbiOrigin, ContractChanges, Inspection, NewContract
from crypto_api.events import service as events
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ethereum import parse_address
from crypto_api.kit.ids import new_id
from crypto_api.kit.networks import NetworkConfig
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True, slots=True)
class CallableAbi:
    """What a contract can be called by. For a proxy it is its implementation's, with what the proxy has of its own."""

    abi: Abi
    sources: tuple[str, ...]  # the addresses whose ABIs it comes from
    stale: bool  # it was given for another implementation than runs now


# ---- finding ---------------------------------------------------------------------------------------------------------------------


async def named(org_id: str, address: str, network: str | None) -> Contract:
    """NotFound; InvalidInput when it is registered on several networks and nobody says which."""
    try:
        checked = parse_address(address)
    except ValueError as error:
        raise NotFound from error
    found = await store.by_address(org_id, checked, network)
    if not found:
        raise NotFound
    if len(found) > 1:
        names = ", ".join(row.network for row in found)
        raise InvalidInput.of("network", f"must be given: this address is registered on {names}", "ambiguous_network")
    return found[0]


async def callable_abi(contract: Contract) -> CallableAbi | None:
    """None where nobody has given one."""
    own_text = (await store.texts(contract.org_id, [contract.id])).get(contract.id)
    own = parse_abi(own_text.abi) if own_text and own_text.abi else None
    behind = await _abi_behind(contract)
    if behind is None:
        if own is None:
            return None
        stale = contract.abi_for is not None and contract.abi_for != contract.implementation
        return CallableAbi(own, (contract.address,), stale)
    if own is None or contract.abi_for is not None:  # what was given for the implementation gives way to the implementation's own
        return CallableAbi(behind, (str(contract.implementation),), stale=False)
    return CallableAbi(behind.behind(own), (contract.address, str(contract.implementation)), stale=False)


async def needed_abi(contract: Contract) -> CallableAbi:
    """AbiMissing."""
    found = await callable_abi(contract)
    if found is None:
        raise AbiMissing
    return found


async def _abi_behind(contract: Contract) -> Abi | None:
    if contract.implementation is None:
        return None
    rows = await store.by_address(contract.org_id, contract.implementation, contract.network)
    found = await store.texts(contract.org_id, [row.id for row in rows])
    return next((parse_abi(text.abi) for text in found.values() if text.abi), None)


# ---- registering and changing ----------------------------------------------------------------------------------------------------


async def register(
    uow: UnitOfWork, org_id: str, user_id: str, network: NetworkConfig, new: NewContract, inspection: Inspection, now: datetime
) -> Contract:
    """ContractExists. `new` was checked, and `inspection` found code."""
    contract_id = new_id("ctr")
    abi = parse_abi(new.abi) if new.abi else None
    contract = Contract(
        id=contract_id,
        created_at=now,
        updated_at=now,
        org_id=org_id,
        network=network.slug,
        chain_id=network.chain_id,
        address=new.address,
        name=new.name,
        name_folded=new.name.casefold(),
        abi_origin=AbiOrigin.GIVEN if abi else None,
        abi_for=inspection.implementation if abi else None,
        has_source=bool(new.source),
        created_by=user_id,
        **read_fields(inspection, now),
    )
    text = ContractText(id=contract_id, created_at=now, org_id=org_id, abi=new.abi or "", source=new.source or "")

    async def work(session: Session) -> None:
        await store.insert(session, contract, text)
        await events.append(session, org_id, ContractRegistered(**told(contract)), now)
        await record(session, "contract.registered", f"The contract {contract.name} was registered.", now, None, contract)

    await uow.run(work)
    return contract


async def update(uow: UnitOfWork, contract: Contract, changes: ContractChanges, versions: Collection[int] | None, now: datetime) -> Contract:
    """PreconditionFailed when it stands at none of `versions`; InvalidInput for an ABI that is none."""
    values: dict[str, Any] = {"updated_at": now}
    texts: dict[str, str] = {}
    if changes.name is not None:
        values |= {"name": changes.name, "name_folded": changes.name.casefold()}
    if changes.abi is not None:
        if changes.abi:
            parse_abi(changes.abi)
        texts["abi"] = changes.abi
        values |= {"abi_origin": AbiOrigin.GIVEN if changes.abi else None, "abi_for": contract.implementation if changes.abi else None}
    if changes.source is not None:
        texts["source"] = changes.source
        values["has_source"] = bool(changes.source)

    async def work(session: Session) -> Contract:
        changed = await store.change(session, contract.org_id, contract.id, versions, values)
        if changed is None:
            raise PreconditionFailed
        if texts:
            await store.set_text(session, contract.org_id, contract.id, texts)
        await events.append(session, contract.org_id, ContractUpdated(**told(changed)), now)
        parts = ", ".join(name for name, value in vars(changes).items() if value is not None) or "nothing"
        await record(session, "contract.updated", f"The contract {changed.name} was changed: {parts}.", now, contract, changed)
        return changed

    return await uow.run(work)


async def note_inspection(uow: UnitOfWork, contract: Contract, inspection: Inspection, now: datetime) -> Contract:
    """What the chain says now. Other code than before is told loudly: whoever trusts the address should know."""
    values = read_fields(inspection, now)

    async def work(session: Session) -> Contract:
        before = await store.get(contract.org_id, contract.id, session)
        if before is None:
            raise NotFound
        if before.read_block_number > inspection.block.number:
            return before  # somebody read a later block meanwhile
        changed = await store.change(session, contract.org_id, contract.id, None, {**values, "updated_at": now})
        assert changed is not None
        if _runs(before) == _runs(changed):
            await events.append(session, contract.org_id, ContractUpdated(**told(changed)), now)
            return changed
        event = ContractUpgraded(**told(changed), implementation_before=before.implementation, implementation=changed.implementation)
        await events.append(session, contract.org_id, event, now)
        summary = f"The contract {changed.name} runs other code than before: {changed.implementation or 'its own changed'}."
        await record(session, "contract.upgraded", summary, now, before, changed)
        return changed

    return await uow.run(work)


def _runs(contract: Contract) -> tuple[str, str | None, str | None]:
    return contract.code_hash, contract.implementation, contract.implementation_code_hash


def read_fields(inspection: Inspection, now: datetime) -> dict[str, Any]:
    """What was read, as it is stored."""
    hops: Sequence[Any] = inspection.hops
    return {
        "code_hash": code_hash(inspection.code),
        "code_size": len(inspection.code),
        "hops": [hop.model_dump(mode="json") for hop in hops],
        "implementation": inspection.implementation,
        "implementation_code_hash": code_hash(inspection.implementation_code) if inspection.implementation_code else None,
        "problem": inspection.problem,
        "interfaces": list(inspection.interfaces),
        "read_block_number": inspection.block.number,
        "read_block_hash": inspection.block.hash,
        "read_at": now,
    }


def code_hash(code: bytes) -> str:
    """keccak-256, as EXTCODEHASH tells it."""
    return "0x" + keccak(code).hex()


async def record(session: Session, action: str, summary: str, now: datetime, before: Contract | None, after: Contract | None) -> None:
    contract = after or before
    assert contract is not None
    was, became = (_audited(row) if row is not None else None for row in (before, after))
    await audit.record(session, contract.org_id, action, summary, now, subject=("contract", contract.id), before=was, after=became)


def _audited(contract: Contract) -> dict[str, Any]:
    return {
        "name": contract.name,
        "address": contract.address,
        "network": contract.network,
        "code_hash": contract.code_hash,
        "implementation": contract.implementation,
        "abi_origin": contract.abi_origin,
        "has_source": contract.has_source,
        "verified": contract.verified.match if contract.verified else None,
    }


def told(contract: Contract) -> dict[str, Any]:
    """For its events."""
    return {"contract_id": contract.id, "network": contract.network, "address": contract.address, "name": contract.name}
