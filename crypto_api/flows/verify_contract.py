"""Show that a source makes the code at an address.

    asked (task queued) → a worker compiles and compares → matched │ mismatched │ failed, told by task, contract and event

The compiler runs apart; only what it made is compared with what the chain holds. Nothing of a source is believed before.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.contracts import service as contracts
from crypto_api.contracts import store
from crypto_api.contracts.abi import parse_abi
from crypto_api.contracts.bytecode import Comparison, compare_runtime, constructor_arguments
from crypto_api.contracts.documents import Contract, ContractVerification, Verified
from crypto_api.contracts.errors import VerificationBusy
from crypto_api.contracts.events import ContractNotVerified, ContractVerified
from crypto_api.contracts.jobs import VerifyContract
from crypto_api.contracts.types import (
    PENDING_VERIFICATIONS_MAX,
    SOURCE_BYTES_MAX,
    AbiOrigin,
    ArgumentsCheck,
    Match,
    NodeReader,
    VerificationRequest,
    VerificationState,
)
from crypto_api.events import service as events
from crypto_api.flows.inspect_contract import data_of, read_code
from crypto_api.kit.abi_values import Unreadable, decoded
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ethereum import CallRefused
from crypto_api.kit.ids import new_id
from crypto_api.kit.jobs import Jobs
from crypto_api.kit.solidity import CompilationFailed, CompiledContract, Compiler, CompilerNotInstalled
from crypto_api.tasks import service as tasks
from crypto_api.tasks.documents import Task
from crypto_api.tasks.errors import TaskNotRunning
from mongodb_config.unit_of_work import Session, UnitOfWork

TASK_KIND = "verify_contract"
ABANDONED_AFTER = timedelta(seconds=120)  # longer than a job may take
_SHOWN_VALUES = 50


async def ask_verification(
    uow: UnitOfWork, clock: Clock, jobs: Jobs, compiler: Compiler, contract: Contract, user_id: str, wanted: VerificationRequest
) -> Task:
    """The task that tells how it goes. CompilerNotInstalled, VerificationBusy; InvalidInput for sources that are too long."""
    if wanted.compiler_version not in (installed := compiler.versions()):
        raise CompilerNotInstalled(wanted.compiler_version, installed)
    text = json.dumps(wanted.standard_json, separators=(",", ":"))
    if len(text) > SOURCE_BYTES_MAX:
        raise InvalidInput.of("source", f"has more than {SOURCE_BYTES_MAX:,} bytes with everything that it imports", "too_long")
    now, org_id, verification_id = clock.now(), contract.org_id, new_id("cvf")

    async def work(session: Session) -> Task:
        if await store.unfinished_count(session, org_id) >= PENDING_VERIFICATIONS_MAX:
            raise VerificationBusy(PENDING_VERIFICATIONS_MAX)
        task = await tasks.queue(session, org_id, TASK_KIND, now, summary=f"Verify the source of {contract.name}")
        row = ContractVerification(
            id=verification_id,
            created_at=now,
            org_id=org_id,
            contract_id=contract.id,
            network=contract.network,
            address=contract.address,
            requested_by=user_id,
            task_id=task.id,
            compiler_version=wanted.compiler_version,
            contract_name=wanted.contract_name,
            standard_json=text,
            constructor_arguments=wanted.constructor_arguments,
            creation_transaction=wanted.creation_transaction,
        )
        await store.insert_verification(session, row)
        summary = f"A verification of {contract.name} was asked for: {wanted.contract_name}, compiler {wanted.compiler_version}."
        await audit.record(session, org_id, "contract.verification_asked", summary, now, subject=("contract", contract.id))
        return task

    task = await uow.run(work)
    await jobs.put(VerifyContract(org_id=org_id, verification_id=verification_id))
    return task


@dataclass(frozen=True)
class Verdict:
    """How it ended. `code` and `reason` where it did not match."""

    state: VerificationState
    code: str = ""
    reason: str = ""
    match: Match | None = None
    arguments: ArgumentsCheck = ArgumentsCheck.NONE
    code_hash: str = ""
    made: CompiledContract | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


async def run_verification(
    uow: UnitOfWork, clock: Clock, compiler: Compiler, chains: Mapping[str, NodeReader], org_id: str, verification_id: str
) -> None:
    """Nothing when another worker has it, or had it. ChainUnavailable leaves it to be tried again."""
    row = await store.verification(org_id, verification_id)
    if row is None or not await _claim(uow, clock, row):
        return
    try:
        verdict = await _verdict(compiler, chains, row)
    except Exception:
        await _give_back(uow, row)
        raise
    contract = await store.get(org_id, row.contract_id)
    assert contract is not None, "contracts are never deleted"
    await _settle(uow, row, contract, verdict, clock.now())


async def end_abandoned(uow: UnitOfWork, clock: Clock, row: ContractVerification) -> None:
    """One whose worker was killed: told as failed, so that it can be asked for again."""
    contract = await store.get(row.org_id, row.contract_id)
    assert contract is not None, "contracts are never deleted"
    await _settle(uow, row, contract, Verdict(VerificationState.FAILED, "interrupted", "The worker was interrupted. Ask for it again."), clock.now())


async def _claim(uow: UnitOfWork, clock: Clock, row: ContractVerification) -> bool:
    async def work(session: Session) -> bool:
        now = clock.now()
        changes = {"state": VerificationState.RUNNING, "started_at": now}
        if not await store.advance_verification(session, row.org_id, row.id, VerificationState.PENDING, changes):
            return False
        await tasks.begin(session, row.org_id, row.task_id, now)
        return True

    return await uow.run(work)


async def _give_back(uow: UnitOfWork, row: ContractVerification) -> None:
    async def work(session: Session) -> None:
        await store.advance_verification(session, row.org_id, row.id, VerificationState.RUNNING, {"state": VerificationState.PENDING})

    await uow.run(work)


# ---- the verdict -----------------------------------------------------------------------------------------------------------------


async def _verdict(compiler: Compiler, chains: Mapping[str, NodeReader], row: ContractVerification) -> Verdict:
    chain = chains.get(row.network)
    if chain is None:
        return Verdict(VerificationState.FAILED, "network_unavailable", "The network of this contract is not configured any more.")
    code = await read_code(chain, row.address)
    try:
        made = await compiler.compile(row.compiler_version, json.loads(row.standard_json), row.contract_name)
    except CompilerNotInstalled as error:
        return Verdict(VerificationState.FAILED, error.code, error.detail)
    except CompilationFailed as error:
        return Verdict(VerificationState.FAILED, error.code, error.detail)
    compared = compare_runtime(code, made, row.address)
    if compared.match is None:
        return _mismatch(code, compared)
    arguments, problem, values = await _arguments(chain, row, made)
    if problem:
        return Verdict(VerificationState.MISMATCHED, "constructor_arguments_mismatch", problem)
    told = {
        "contract_name": f"{made.path}:{made.name}",
        "constructor_arguments": arguments.value,
        "constructor_values": values,
        "immutables": dict(list(compared.immutables.items())[:_SHOWN_VALUES]),
        "libraries": dict(list(compared.libraries.items())[:_SHOWN_VALUES]),
    }
    return Verdict(VerificationState.MATCHED, "", "", compared.match, arguments, contracts.code_hash(code), made, told)


def _mismatch(code: bytes, compared: Comparison) -> Verdict:
    if not code:
        return Verdict(VerificationState.MISMATCHED, "no_code", "There is no code at the address (any more).")
    reason = (
        f"The source makes other code than what stands at the address: they differ from byte {compared.first_difference} on"
        f" (the compiler made {compared.expected or 'nothing more'}, the chain holds {compared.found or 'nothing more'})."
    )
    told = {"first_difference": compared.first_difference, "expected": compared.expected, "found": compared.found}
    return Verdict(VerificationState.MISMATCHED, "bytecode_mismatch", reason, told=told)


async def _arguments(chain: NodeReader, row: ContractVerification, made: CompiledContract) -> tuple[ArgumentsCheck, str, list[Any]]:
    """(what is known of them, what is wrong with them, their values)."""
    abi = parse_abi(made.abi)
    given = bytes.fromhex(row.constructor_arguments.removeprefix("0x")) if row.constructor_arguments is not None else None
    if row.creation_transaction is None:
        if given is None:
            return ArgumentsCheck.NONE if not abi.constructor else ArgumentsCheck.UNCHECKED, "", []
        try:
            return ArgumentsCheck.UNCHECKED, "", decoded(abi.constructor, given)
        except Unreadable as error:
            return ArgumentsCheck.UNCHECKED, f"The constructor's arguments are not what its ABI says: {error}.", []
    created = await _creation_input(chain, row.creation_transaction, row.address)
    if created is None:
        return ArgumentsCheck.UNCHECKED, "The transaction that was named did not create this contract.", []
    found = constructor_arguments(created, made)
    if found is None:
        return ArgumentsCheck.UNCHECKED, "The transaction that created the contract ran other code than the source makes.", []
    if given is not None and given != found:
        return ArgumentsCheck.UNCHECKED, f"The contract was created with other arguments: 0x{found[:256].hex()}.", []
    try:
        return ArgumentsCheck.MATCHED, "", decoded(abi.constructor, found)
    except Unreadable as error:
        return ArgumentsCheck.UNCHECKED, f"The constructor's arguments are not what its ABI says: {error}.", []


async def _creation_input(chain: NodeReader, hash_: str, address: str) -> bytes | None:
    """None unless that transaction itself created the contract: what a factory makes has no input of its own."""
    try:
        receipt = await chain.call_any("eth_getTransactionReceipt", [hash_])
        transaction = await chain.call_any("eth_getTransactionByHash", [hash_])
    except CallRefused:
        return None
    if not isinstance(receipt, dict) or not isinstance(transaction, dict):
        return None
    created = receipt.get("contractAddress")
    if not isinstance(created, str) or created.lower() != address.lower() or receipt.get("status") != "0x1":
        return None
    return data_of(transaction.get("input"))


# ---- what follows from it --------------------------------------------------------------------------------------------------------


async def _settle(uow: UnitOfWork, row: ContractVerification, contract: Contract, verdict: Verdict, now: datetime) -> None:
    matched = verdict.state is VerificationState.MATCHED
    result = {
        "verification_id": row.id,
        "contract_id": row.contract_id,
        "state": verdict.state.value,
        "match": verdict.match.value if verdict.match else None,
        "code": verdict.code or None,
        **verdict.told,
    }

    async def work(session: Session) -> None:
        changes = {
            "state": verdict.state,
            "finished_at": now,
            "match": verdict.match,
            "arguments": verdict.arguments,
            "reason": verdict.reason[:2_000],
            "outcome": result,
        }
        if not await store.advance_verification(session, row.org_id, row.id, VerificationState.RUNNING, changes):
            return
        if matched:
            await _keep(session, row, contract, verdict, now)
        else:
            event = ContractNotVerified(**contracts.told(contract), verification_id=row.id, reason=verdict.code)
            await events.append(session, row.org_id, event, now)
            summary = f"The source that was tried for {contract.name} was not verified: {verdict.code}."
            await audit.record(
                session, row.org_id, "contract.not_verified", summary, now, subject=("contract", contract.id), actor_id=row.requested_by
            )
        summary = f"{contract.name}: verified, {verdict.match} match" if matched else f"{contract.name}: not verified"
        try:
            await tasks.finish(session, row.org_id, row.task_id, now, summary=summary, result=result, error=verdict.reason or None)
        except TaskNotRunning:
            return  # the sweep had given it up

    await uow.run(work)


async def _keep(session: Session, row: ContractVerification, contract: Contract, verdict: Verdict, now: datetime) -> None:
    """Source and ABI of the verified program are the contract's from now on."""
    made = verdict.made
    assert made is not None and verdict.match is not None
    verified = Verified(
        verification_id=row.id,
        match=verdict.match,
        code_hash=verdict.code_hash,
        contract_name=f"{made.path}:{made.name}",
        compiler_version=row.compiler_version,
        at=now,
    )
    values = {"verified": verified.model_dump(), "abi_origin": AbiOrigin.VERIFIED, "abi_for": None, "has_source": True, "updated_at": now}
    changed = await store.change(session, row.org_id, contract.id, None, values)
    assert changed is not None
    await store.set_text(session, row.org_id, contract.id, {"abi": made.abi})
    event = ContractVerified(**contracts.told(changed), verification_id=row.id, match=verdict.match)
    await events.append(session, row.org_id, event, now)
    summary = f"The source of {changed.name} is verified: {verdict.match} match, compiler {row.compiler_version}."
    await audit.record(session, row.org_id, "contract.verified", summary, now, subject=("contract", changed.id), actor_id=row.requested_by)
