"""Run one audit that was ordered: claimed by one worker, the code read at one block, checked, its source analysed apart, findings explained, stored.

    due ─▶ claimed (one at a time of an organisation) ─▶ code checked ─▶ Slither ─▶ explained, where there is a model ─▶ ready

A worker that dies says nothing more: after half a minute another begins anew. What is stored is stored together, at the end.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo.errors import PyMongoError

from crypto_api.classification.types import LanguageModel
from crypto_api.contract_audits import bytecode, rules, service, store
from crypto_api.contract_audits.documents import ContractAudit, ContractFinding
from crypto_api.contract_audits.events import AuditEnded
from crypto_api.contract_audits.types import LEASE, TRIES_MAX, AuditStatus, Block, Change, Found, Severity, Sources, SubjectKind, Tool
from crypto_api.contracts.bytecode import hex_bytes
from crypto_api.contracts.proxies import address_in
from crypto_api.contracts.service import code_hash
from crypto_api.contracts.types import Inspection, NodeReader
from crypto_api.events import service as events
from crypto_api.flows.claimed_work import LOOKED_AT, Bench
from crypto_api.flows.inspect_contract import data_of, inspect_contract
from crypto_api.kit import log
from crypto_api.kit.archive import safe_path
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import CoreError, Unavailable
from crypto_api.kit.ethereum import CallRefused
from crypto_api.kit.ids import new_id
from crypto_api.kit.kept import LeaseLost
from crypto_api.kit.solidity import CompilationFailed, Compiler, CompilerNotInstalled
from crypto_api.kit.static_analysis import FINDINGS_MAX, Analyser, AnalysisFailed
from crypto_api.tasks import service as tasks
from crypto_api.tasks.errors import TaskNotRunning
from mongodb_config import claimed_row
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session, UnitOfWork

_KEEP_EVERY_S = LEASE.total_seconds() / 3
EXPLAINING_MAX_S = 90.0  # of one audit; what is not explained by then is not
_QUESTION_GAS = hex(300_000)
_LEFT = "It could not be finished. What went wrong stands in the log of the worker."
_logger = log.get(__name__)

Told = Callable[[int, str], Awaitable[None]]


@dataclass(frozen=True)
class AuditDesk:
    """What audits are run with. `model` None: nothing is explained, and nothing else changes."""

    uow: UnitOfWork
    clock: Clock
    chains: Mapping[str, NodeReader]
    compiler: Compiler
    analyser: Analyser
    model: LanguageModel | None


@dataclass
class Result:
    found: list[Found] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tool: Tool | None = None
    block: Block | None = None
    implementation: str | None = None
    explanations: dict[str, str] = field(default_factory=dict)  # by key
    explained_by: str = ""


async def run_next(desk: AuditDesk) -> bool:
    """One audit that is due. False when there is none."""
    bench = bench_of(desk)
    row = await bench.take(await store.due(desk.clock.now(), LOOKED_AT))
    if row is not None:
        await _run(desk, bench, row)
    return row is not None


def bench_of(desk: AuditDesk) -> Bench[ContractAudit]:
    return Bench(desk.uow, desk.clock, "auc", LEASE, _KEEP_EVERY_S)


async def _run(desk: AuditDesk, bench: Bench[ContractAudit], row: ContractAudit) -> None:
    with log.bound(contract_audit=row.id, org_id=row.org_id):
        try:
            if row.tries > TRIES_MAX:
                await _fail(desk, row, f"It was interrupted {TRIES_MAX} times: its worker was stopped each time.")
                return
            async with bench.given_back(row):
                result = await bench.make(row, _result(desk, row))
                await desk.uow.run(lambda session: _finish(session, desk, row, result))
        except LeaseLost:
            _logger.info("contract_audit_lost")
        except (PyMongoError, OSError):  # a part that is away: whoever takes it up next begins anew
            raise
        except (CoreError, CompilationFailed) as error:
            await _fail(desk, row, error.detail)
        except Exception:
            _logger.exception("contract_audit_failed")
            await _fail(desk, row, _LEFT)


# ---- what is found ---------------------------------------------------------------------------------------------------------------


async def _result(desk: AuditDesk, row: ContractAudit) -> Result:
    """CompilationFailed and AnalysisFailed for an upload, which is nothing but its source; of a contract the code was looked at all the same."""
    result, sources = Result(), await service.sources_of(row)
    told = _teller(desk, row)
    if row.subject.kind is SubjectKind.CONTRACT:
        await told(10, "reading the code")
        sources = await _check_code(desk, row, sources, result)
    if sources is not None:
        await told(25, "compiling")
        await _analyse(desk, row, sources, result, told)
    result.found = rules.in_order(result.found)
    if desk.model is not None and result.found:
        await told(80, "asking the model to explain")
        await _explain(desk.model, result)
    return result


async def _check_code(desk: AuditDesk, row: ContractAudit, sources: Sources | None, result: Result) -> Sources | None:
    """The sources, where they are those of the code that runs."""
    chain = desk.chains.get(row.subject.network or "")
    if chain is None:
        raise Unavailable("The network of this contract is not configured any more.", code="network_unavailable")
    address = row.subject.address or ""
    seen = await inspect_contract(chain, address)
    if not seen.code:
        raise Unavailable("There is no code at the address any more.", code="no_code")
    look = await _look(chain, address, seen)
    result.block, result.implementation = Block(number=seen.block.number, hash=seen.block.hash), seen.implementation
    result.found += await asyncio.to_thread(bytecode.checks, look)
    if sources is None:
        which = "The implementation behind the proxy" if seen.hops else "The contract"
        result.notes.append(f"{which} has no verified source here: only its code was looked at. Verify its source, and audit again, for more.")
        return None
    if sources.code_hash != code_hash(seen.running_code):
        result.notes.append("The code has changed since its source was verified: the source was left aside, and only the code was looked at.")
        return None
    return sources


async def _look(chain: NodeReader, address: str, seen: Inspection) -> bytecode.Look:
    """All at the block of the inspection."""
    at = {"blockHash": seen.block.hash}
    admin = address_in("0x" + data_of(await chain.call_any("eth_getStorageAt", [address, bytecode.ADMIN_SLOT, at])).hex())
    owner, owner_has_code = await _owner(chain, address, at), False
    if owner is not None and owner != bytecode.NOBODY:
        owner_has_code = bool(data_of(await chain.call_any("eth_getCode", [owner, at])))
    return bytecode.Look(
        code=seen.running_code,
        hops=seen.hops,
        problem=seen.problem,
        slots={bytecode.ADMIN_SLOT: admin} if admin else {},
        owner=owner,
        owner_has_code=owner_has_code,
    )


async def _owner(chain: NodeReader, address: str, at: Mapping[str, str]) -> str | None:
    """What `owner()` answers there; None where it answers nothing that is an address."""
    try:
        said = data_of(await chain.call_any("eth_call", [{"to": address, "data": bytecode.OWNER_CALL, "gas": _QUESTION_GAS}, at]))
    except CallRefused:
        return None
    if len(said) != 32 or any(said[:12]):
        return None
    return address_in("0x" + said.hex()) or bytecode.NOBODY


async def _analyse(desk: AuditDesk, row: ContractAudit, sources: Sources, result: Result, told: Told) -> None:
    uploaded, version = row.subject.kind is SubjectKind.UPLOAD, sources.compiler_version
    started = time.monotonic()
    try:
        if not all(safe_path(path) for path in sources.standard_json["sources"]):
            raise AnalysisFailed("unsafe_path", "Its files have names that are no plain relative paths.")
        program = await desk.compiler.compile_all(version, sources.standard_json)
        await told(45, "Slither looks at it")
        analysis = await desk.analyser.analyse(version, sources.standard_json, program)
    except (CompilationFailed, AnalysisFailed, CompilerNotInstalled) as error:
        if uploaded:
            raise CompilationFailed(error.code, error.detail) from error
        result.tool = Tool(ran=False, reason=error.detail, compiler_version=version)
        result.notes.append("Slither did not run on the verified source: only the code was looked at.")
        return
    texts = {path: source["content"] for path, source in sources.standard_json["sources"].items()}
    result.found += rules.of_slither(analysis, texts, sources.dependencies)
    result.tool = Tool(
        ran=True,
        version=analysis.version,
        detectors=analysis.detectors,
        contracts=analysis.contracts,
        network=analysis.network,
        compiler_version=version,
        milliseconds=round((time.monotonic() - started) * 1_000),
    )
    if analysis.dropped:
        result.notes.append(f"Slither found {analysis.dropped:,} more than the {FINDINGS_MAX:,} that are kept.")
    if uploaded:
        own = {name: code for name, code in program.runtime.items() if name.rpartition(":")[0] not in sources.dependencies and code}
        result.found += await asyncio.to_thread(_of_compiled, own)


def _of_compiled(runtime: Mapping[str, str]) -> list[Found]:
    looks = [bytecode.Look(code=hex_bytes(code), where=name) for name, code in sorted(runtime.items())]
    return [one for look in looks for one in bytecode.checks(look)]


async def _explain(model: LanguageModel, result: Result) -> None:
    """The first findings, in a machine's words: shown as such, and believed by nothing."""
    with suppress(TimeoutError):
        async with asyncio.timeout(EXPLAINING_MAX_S):
            for found in result.found[: rules.EXPLAINED_MAX]:
                if found.severity in (Severity.INFORMATIONAL, Severity.OPTIMIZATION):
                    continue
                prompt = json.dumps(rules.question_about(found), ensure_ascii=True)
                answer = await model.answer(system=rules.SYSTEM, prompt=prompt, schema=rules.ANSWER_SCHEMA)
                if answer is not None and (text := rules.explanation_in(answer)):
                    result.explanations[found.key], result.explained_by = text, model.name


def _teller(desk: AuditDesk, row: ContractAudit) -> Told:
    """How far it is, for whoever watches."""

    async def tell(percent: int, words: str) -> None:
        async def work(session: Session) -> None:
            with suppress(TaskNotRunning):
                await tasks.progress(session, row.org_id, row.task_id, percent, desk.clock.now(), summary=f"Audit {row.subject.name}: {words}")

        await desk.uow.run(work)

    return tell


# ---- ends ------------------------------------------------------------------------------------------------------------------------


async def _finish(session: Session, desk: AuditDesk, row: ContractAudit, result: Result) -> None:
    """LeaseLost when it was cancelled at the last moment."""
    now, name = desk.clock.now(), row.subject.name
    before = await store.latest_ready(row.org_id, row.subject.key, before=row.id, session=session)
    titles = {one.key: one.title for one in await store.findings(row.org_id, before.id, session)} if before else None
    rows = await _rows(session, row, result, titles, now)
    counted = rules.tally(rows)
    keys = {one.key for one in rows}
    changes = {
        **service.counts_as_stored(counted),
        "status": AuditStatus.READY.value,
        "ended_at": now,
        "block": encoded(result.block) if result.block else None,
        "implementation": result.implementation,
        "tool": encoded(result.tool) if result.tool else None,
        "notes": result.notes,
        "compared_with": before.id if before else None,
        "new_count": sum(one.change is Change.NEW for one in rows),
        "gone": [title for key, title in (titles or {}).items() if key not in keys],
    }
    if not await claimed_row.finish(session, row, changes):
        raise LeaseLost
    await store.insert_findings(session, rows)
    high = counted["open_counts"][Severity.HIGH.value]
    summary = f"Audit {name}: risk score {counted['score']}, {high} open of high severity"
    await tasks.finish(session, row.org_id, row.task_id, now, summary=summary, result={"audit_id": row.id, "score": counted["score"]})
    ended = AuditEnded(**service.told(row) | {"status": AuditStatus.READY.value}, score=counted["score"], high=high)
    await events.append(session, row.org_id, ended, now)


async def _rows(session: Session, row: ContractAudit, result: Result, titles: Mapping[str, str] | None, now: datetime) -> list[ContractFinding]:
    kept = await store.suppressions(session, row.org_id, row.subject.key)
    rows = []
    for number, found in enumerate(result.found, 1):
        by = kept.get(found.key)
        by = by if by is not None and by.fingerprint == found.fingerprint else None
        word: dict[str, Any] = {"suppressed": True, "suppressed_by": by.by, "suppressed_at": by.created_at, "reason": by.reason} if by else {}
        explanation = result.explanations.get(found.key, "")
        rows.append(
            ContractFinding(
                id=new_id("fnd"),
                created_at=now,
                org_id=row.org_id,
                audit_id=row.id,
                subject_key=row.subject.key,
                number=number,
                **{name: getattr(found, name) for name in Found.model_fields},
                change=rules.change_of(found.key, titles),
                explanation=explanation,
                explained_by=result.explained_by if explanation else "",
                **word,
            )
        )
    return rows


async def _fail(desk: AuditDesk, row: ContractAudit, error: str) -> None:
    now, name = desk.clock.now(), row.subject.name

    async def work(session: Session) -> None:
        if not await claimed_row.finish(session, row, {"status": AuditStatus.FAILED.value, "error": rules.shown(error)[:2_000], "ended_at": now}):
            return
        with suppress(TaskNotRunning):
            await tasks.finish(session, row.org_id, row.task_id, now, summary=f"Audit {name} could not be finished.", error=error)
        await events.append(session, row.org_id, AuditEnded(**service.told(row) | {"status": AuditStatus.FAILED.value}, score=None, high=0), now)

    await desk.uow.run(work)
