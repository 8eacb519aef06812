"""Every operation over HTTP, by schemathesis, as every built-in role, against a real API process.

    manage.py fuzz --of http [--cases 20] [--seed 1] [--role ADMIN] [--operation create_wallet] [--report DIR]

First every operation is asked once in the way in which it works, by somebody who may: objects and bodies are those of the authorisation matrix.
Then, for each role, somebody with it in an organisation of their own: the schema of the running process, with those ids and bodies as its examples,
goes to schemathesis with all its phases (examples, coverage, fuzzing, stateful) and all its checks but those that `left_out.py` names with a reason.
Most paths lead to something that is there. While it runs the person keeps their session, role and approvals, whatever they do to them.
"""

import asyncio
import copy
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from pymongo.errors import DuplicateKeyError

from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.organizations.types import Role
from tests.authorization import cells as matrix
from tests.authorization import product
from tests.authorization.bodies import Request, request_for
from tests.authorization.casting import needs_chart
from tests.authorization.house import House, Person
from tests.authorization.objects import KINDS
from tests.fuzz.left_out import CHECKS, NEGATIVE_STATUSES, POSITIVE_STATUSES
from tests.fuzz.report import Finding, OperationsReport, RoleRun
from tests.fuzz.stage import ROOT, Stage

PHASES = "examples,coverage,fuzzing,stateful"
SLOW_MS = 1000.0
KEPT_S, TOKEN_S = 0.25, 60.0
ROLES = tuple(role.value for role in Role)
KEPT_KB_MAX = 1.0  # of a request, on average over all roles after the first
RSS_NOISE_MB = 24.0


@dataclass(frozen=True)
class Plan:
    cases: int  # of each operation in each phase that makes them up
    seed: int
    roles: tuple[str, ...] = ROLES
    names: tuple[str, ...] = ()  # operations; none: all
    phases: str = PHASES
    workers: int = 2

    @property
    def operations(self) -> list[str]:
        return [name for name in matrix.operations() if not self.names or name in self.names]


@dataclass
class Cast:
    """Somebody with a role, and the documents by which they are who they are."""

    house: House
    org_id: str
    role: str
    person: Person
    owner: Person  # an administrator of the same organisation, whose things are there
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)


async def fuzz_operations(stage: Stage, plan: Plan, folder: Path) -> OperationsReport:
    report = OperationsReport(plan.seed, plan.cases, len(plan.operations), left_out=dict(CHECKS))
    served = orjson.loads((await stage.house.call("GET", "/api/openapi.json")).content)
    if served != orjson.loads(orjson.dumps(product.schema(), option=orjson.OPT_NON_STR_KEYS)):
        report.findings.append(Finding("schema", "/api/openapi.json", "the process serves another schema than the sources have"))
    stage.unhandled()
    await _ask_well(stage, plan, report)
    report.rss_start_mb = stage.rss_mb()
    for role in plan.roles:
        report.roles.append(await _run_role(stage, plan, role, served, folder / role.lower()))
        report.findings += [Finding("log", f"while {role} asked", told) for told in stage.unhandled()]
    report.rss_end_mb = stage.rss_mb()
    if not await stage.lives():
        report.findings.append(Finding("process", "gone", "the API is not the process that was started, or not well"))
    _judge_memory(report)
    return report


def _judge_memory(report: OperationsReport) -> None:
    """What is kept once, such as modules and caches with a bound, is kept by the first role."""
    later = report.roles[1:]
    if not later:
        return
    grown, allowed = later[-1].rss_after_mb - later[0].rss_before_mb, RSS_NOISE_MB + sum(run.requests for run in later) * KEPT_KB_MAX / 1024
    if grown > allowed:
        report.findings.append(Finding("memory", "grew", f"by {grown:.0f} MB over {sum(run.requests for run in later)} requests"))


# ---- each operation as it works ------------------------------------------------------------------------------------------------------


async def _ask_well(stage: Stage, plan: Plan, report: OperationsReport) -> None:
    house, described = stage.house, product.operations()
    for name in plan.operations:
        cells, operation = matrix.operations()[name], described[name]
        if cells.no_success:
            report.without_success[name] = cells.no_success
        org_id = await house.organization(chart=needs_chart(cells))
        person = await house.in_role(org_id, Role.ADMIN if Role.ADMIN in cells.may else cells.may[0])
        request = await request_for(house, cells, operation, org_id, person)
        answer = await house.call(
            operation.method,
            request.filled(operation.path),
            query=request.query,
            body=request.body,
            raw=request.raw,
            headers={**person.headers, **request.headers},
        )
        report.prepared[name] = answer.status
        if answer.status >= 500:
            report.findings.append(Finding("5xx", name, f"to a request as it should be: {answer}"))


# ---- a role --------------------------------------------------------------------------------------------------------------------------


async def _run_role(stage: Stage, plan: Plan, role: str, served: dict[str, Any], folder: Path) -> RoleRun:
    folder.mkdir(parents=True, exist_ok=True)
    cast = await _cast(stage.house, role)
    schema, known = await _described(cast, plan, served)
    (folder / "openapi.json").write_bytes(orjson.dumps(schema))
    (folder / "known.json").write_bytes(orjson.dumps(known))
    (folder / "schemathesis.toml").write_text(_settings())
    run, began = RoleRun(role, rss_before_mb=stage.rss_mb()), time.monotonic()
    async with _keeping(cast, folder / "token"):
        problem = await _schemathesis(stage, plan, folder)
    run.seconds, run.rss_after_mb = time.monotonic() - began, stage.rss_mb()
    if problem:
        run.findings[Finding("schemathesis", role, problem)] += 1
    await asyncio.to_thread(_read, folder / "answers.ndjson", run)
    return run


def _settings() -> str:
    def listed(statuses: Iterable[str]) -> str:
        return ", ".join(f'"{status}"' for status in statuses)

    off = "".join(f"[checks.{name}]\nenabled = false\n" for name in CHECKS)
    return (
        'hooks = "tests.fuzz.hooks"\n[cache]\nenabled = false\n'
        f"[checks.positive_data_acceptance]\nexpected-statuses = [{listed(POSITIVE_STATUSES)}]\n"
        f"[checks.negative_data_rejection]\nexpected-statuses = [{listed(NEGATIVE_STATUSES)}]\n{off}"
    )


async def _schemathesis(stage: Stage, plan: Plan, folder: Path) -> str | None:
    """Why it did not come to its end, if it did not. What it found is read from the answers."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml"), "run", str(folder / "openapi.json")]
    command += ["--url", stage.base_url, "--phases", plan.phases, "--max-examples", str(plan.cases), "--seed", str(plan.seed)]
    command += ["--workers", str(plan.workers), "--request-timeout", "60", "--max-redirects", "0", "--continue-on-failure", "--no-shrink"]
    command += ["--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off", "--no-color"]
    command += [part for name in plan.names for part in ("--include-operation-id", name)]
    env = {**os.environ, "COFFER_FUZZ_FOLDER": str(folder.resolve()), "COFFER_FUZZ_SEED": str(plan.seed)}
    said = folder / "schemathesis.txt"
    with said.open("wb") as out:
        child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stdout=out, stderr=out)
        try:
            code = await child.wait()
        except asyncio.CancelledError:
            child.kill()
            raise
    told = said.read_text(errors="replace")
    if code not in (0, 1) or "test cases" not in told.lower():
        return f"ended with {code}: {told[-1500:]}"
    return None


def _read(file: Path, run: RoleRun) -> None:
    with file.open() as lines:
        for line in lines:
            row = json.loads(line)
            if "failure" in row:
                _take_failure(row, run)
                continue
            name, status, ms = row["operation"], row["status"], row["ms"]
            run.requests += 1
            run.statuses[status] += 1
            run.phases[row["phase"]] += 1
            run.asked[name] += 1
            run.slowest_ms = max(run.slowest_ms, ms)
            if 200 <= status < 300:
                run.reached.add(name)
            if ms > SLOW_MS:
                run.slow[name] = max(run.slow.get(name, 0.0), ms)


def _take_failure(row: dict[str, Any], run: RoleRun) -> None:
    """Alike ones once, with the first that was told of."""
    if row.get("reason"):
        run.accepted[row["reason"]] += 1
        return
    what = f"{row['failure']} ({row['title']})"
    known = next((finding for finding in run.findings if finding.what == what and finding.where == row["operation"]), None)
    run.findings[known or Finding(what, row["operation"], row["told"])] += 1


# ---- who asks, and for what ----------------------------------------------------------------------------------------------------------


async def _cast(house: House, role: str) -> Cast:
    org_id = await house.organization(chart=True)
    owner = await house.in_role(org_id, Role.ADMIN)
    cast = Cast(house, org_id, role, await house.in_role(org_id, role), owner)
    db, person = house.runtime.database, cast.person
    rows = {
        "users": {"_id": person.user_id},
        "sessions": {"_id": person.session_id},
        "memberships": {"org_id": org_id, "user_id": person.user_id},
        "organizations": {"_id": org_id},
    }
    for name, where in rows.items():
        row = await db[name].find_one(where)
        if row is not None:
            cast.kept[name] = row
    return cast


@asynccontextmanager
async def _keeping(cast: Cast, token: Path) -> AsyncIterator[None]:
    await _write_token(cast, token)
    task = asyncio.create_task(_keep(cast, token))
    try:
        yield
    finally:
        if task.done():
            task.result()
        await cancel_and_wait(task)


async def _keep(cast: Cast, token: Path) -> None:
    written = 0.0
    while True:
        due = time.monotonic() - written > TOKEN_S
        await _restore(cast, renewed=due)
        if due:
            await _write_token(cast, token)
            written = time.monotonic()
        await asyncio.sleep(KEPT_S)


async def _restore(cast: Cast, *, renewed: bool) -> None:
    """Whoever logs out, leaves, is suspended or demotes themselves would be refused everything from then on. What is as it was is left alone."""
    house, now, db = cast.house, cast.house.now, cast.house.runtime.database
    for name, kept in cast.kept.items():
        row, wanted = await db[name].find_one({"_id": kept["_id"]}), kept
        if name == "sessions":
            approvals = [approval.model_dump() | {"purpose": approval.purpose.value} for approval in house.approvals(cast.person.org_id)]
            wanted = kept | {"approvals": approvals, "expires_at": now + timedelta(days=7), "last_seen_at": now}
            if row is not None and not renewed and not row.get("ended_at") and len(row["approvals"]) == len(approvals):
                continue
        if row != wanted:
            with suppress(DuplicateKeyError):  # they joined again by themselves, or took a name of another
                await db[name].replace_one({"_id": kept["_id"]}, wanted, upsert=True)


async def _write_token(cast: Cast, token: Path) -> None:
    partial = token.with_suffix(".partial")
    partial.write_text(await cast.house.access(cast.person.user_id, cast.person.session_id, cast.house.now))
    partial.replace(token)


async def _described(cast: Cast, plan: Plan, served: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """The schema with what is there as examples of the planned operations; operation → ids of its path."""
    schema, known, wanted = copy.deepcopy(served), {}, set(plan.operations)
    for details in (details for methods in schema["paths"].values() for details in methods.values()):
        name = details["operationId"]
        if name in wanted:
            request = await _prepared(cast, name)
            _put_examples(details, request)
            if request.path:
                known[name] = dict(request.path)
    return schema, known


async def _prepared(cast: Cast, name: str) -> Request:
    """As it should be for whoever may; for whoever may not, only what its path leads to."""
    cells = matrix.operations()[name]
    if cast.role in cells.may:
        return await request_for(cast.house, cells, product.operations()[name], cast.org_id, cast.person)
    ids = {
        place.removeprefix("path."): await KINDS[kind](cast.house, cast.org_id, cast.owner)
        for place, kind in cells.ids.items()
        if place.startswith("path.") and kind != "-"
    }
    return Request(path=ids)


def _put_examples(details: dict[str, Any], request: Request) -> None:
    given = {"path": request.path, "query": request.query, "header": request.headers}
    for parameter in details.get("parameters", []):
        value = given.get(parameter["in"], {}).get(parameter["name"])
        if value is not None:
            parameter["example"] = value
    content = details.get("requestBody", {}).get("content", {}).get("application/json")
    if content is not None and request.body is not None:
        content.pop("examples", None)
        content["example"] = request.body
