"""A short run of each fuzzer, with the seed of always, and that each would see what is wrong. The long ones: `manage.py fuzz`."""

import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crypto_project.embedded.servers import Addresses
from tests.factories.signer import Signing
from tests.fuzz.attacks import EVERY, ONE_CONNECTION_EACH
from tests.fuzz.left_out import NoFault
from tests.fuzz.operations import Plan, fuzz_operations
from tests.fuzz.report import Finding, OperationsReport, RoleRun, SocketsReport
from tests.fuzz.sockets import fuzz_sockets
from tests.fuzz.stage import Stage, stage_on

SAMPLE = ("list_transactions", "get_wallet", "update_organization", "create_journal_entry", "list_payments", "get_exchange_rate", "create_payee")
ROLES = ("ADMIN", "AUDITOR")


@pytest.fixture(scope="module")
async def stage(addresses: Addresses, signing: Signing, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage_on(addresses, signing, tmp_path_factory.mktemp("fuzz"), f"test_fuzz_{secrets.token_hex(6)}") as made:
        yield made


async def test_operations(stage: Stage, tmp_path: Path) -> None:
    plan = Plan(cases=4, seed=1, roles=ROLES, names=SAMPLE, phases="examples,fuzzing")
    report = await fuzz_operations(stage, plan, tmp_path)
    assert report.code == 0, report.as_text()
    assert report.requests > 50 and set(report.roles[0].phases) >= {"examples", "fuzzing"}
    assert report.reached_by_fuzzing >= {"list_transactions", "get_wallet", "create_payee"}
    assert json.loads(json.dumps(report.as_json()))["never_reached"] == []


async def test_frames(stage: Stage) -> None:
    report = await fuzz_sockets(stage, frames=0, seed=1, lanes=4, calm_numbers=20)
    assert report.code == 0, report.as_text()
    assert len(report.connections) == len(EVERY) and report.frames.total() > 500 and report.numbers > 20
    assert len({make.__name__ for make in ONE_CONNECTION_EACH}) == len(ONE_CONNECTION_EACH)
    assert report.ratio is not None and json.loads(json.dumps(report.as_json()))["findings"] == []


def test_what_is_wrong_fails_a_run() -> None:
    run = RoleRun("ADMIN", requests=1)
    assert OperationsReport(1, 1, 1, roles=[run], prepared={"a": 200}).code == 0
    assert OperationsReport(1, 1, 1, roles=[run], prepared={"a": 404}).never_reached == ["a"]
    assert OperationsReport(1, 1, 1, roles=[run], prepared={"a": 404}, without_success={"a": "no node"}).code == 0
    assert OperationsReport(1, 1, 1, roles=[RoleRun("ADMIN")], prepared={"a": 200}).code == 1, "nothing was asked"
    run.findings[Finding("ServerError", "a", "500")] += 1
    assert OperationsReport(1, 1, 1, roles=[run], prepared={"a": 200}).code == 1
    assert SocketsReport(1).code == 1, "nothing was sent"


def test_no_fault_is_only_what_is_named() -> None:
    known = NoFault("why", "RejectedPositiveData", operation="create_.*", status=503, code="busy")
    assert known.means("RejectedPositiveData", "create_wallet", "", 503, '{"code":"busy"}')
    assert not known.means("ServerError", "create_wallet", "", 503, '{"code":"busy"}')
    assert not known.means("RejectedPositiveData", "get_wallet", "", 503, '{"code":"busy"}')
    assert not known.means("RejectedPositiveData", "create_wallet", "", 500, '{"code":"busy"}')
    assert not known.means("RejectedPositiveData", "create_wallet", "", 503, '{"code":"other"}')
