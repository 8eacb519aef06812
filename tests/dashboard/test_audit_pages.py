"""Pages of audits: ordered, followed, read, suppressed; looked at in a browser."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from crypto_api.contract_audits import service, store
from crypto_api.contract_audits.bytecode import ADMIN_SLOT
from crypto_api.contract_audits.types import Confidence, Evidence, Found, FoundBy, Place, Severity, Sources, Subject, Tool
from crypto_api.desks import audit_desk_of
from crypto_api.flows import audit_contract as flow
from crypto_api.flows.audit_contract import Result
from crypto_api.runtime import Runtime
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, said, sits  # noqa: F401
from tests.factories.treasury import Treasury
from tests.programs import program

SOURCE = "contract Bank {\n    function withdraw() external {\n        msg.sender.call{value: 1}('');\n    }\n}\n"
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def a_finding(key: str, severity: Severity = Severity.HIGH, **changes: Any) -> Found:
    place = Place(file="src/Bank.sol", first_line=3, last_line=3, excerpt_from=2, excerpt="\n".join(SOURCE.split("\n")[1:4]))
    values: dict[str, Any] = {
        "key": key,
        "fingerprint": key,
        "origin": FoundBy.SLITHER,
        "check": "reentrancy-eth",
        "title": "Reentrancy eth in withdraw",
        "severity": severity,
        "confidence": Confidence.MEDIUM,
        "description": "Reentrancy in Bank.withdraw() (src/Bank.sol#2-4):\n\tExternal calls:\n\t- msg.sender.call{value: 1}() <b>&amp;",
        "reference": "https://example.org/wiki/reentrancy",
        "places": [place],
    }
    return Found(**values | changes)


POWER = a_finding(
    "bytecode:2",
    Severity.MEDIUM,
    origin=FoundBy.BYTECODE,
    check="mint",
    title="New tokens can be made (" + "VeryLongNameOfAContractThatSomebodyReallyWrote" * 2 + ")",
    places=[],
    reference="",
    evidence=[
        Evidence(kind="selector", value="0x40c10f19", means="mint(address,uint256)", offset=412),
        Evidence(kind="slot", value=ADMIN_SLOT, means="eip1967.proxy.admin: who may replace the code", address=OTHER),
    ],
)


async def finished(runtime: Runtime, org_id: str, user_id: str, name: str, *found: Found, explained: bool = False) -> str:
    """An audit as a worker leaves it."""
    sources = Sources({"sources": {"src/Bank.sol": {"content": SOURCE + f"// {name}"}}, "settings": {}}, "0.8.37")
    row, _ = await service.order(runtime.uow, org_id, user_id, Subject.upload(name), sources, runtime.clock.now())
    desk = audit_desk_of(runtime)
    claimed = await flow.bench_of(desk).claim(row)
    assert claimed is not None
    tool = Tool(ran=True, version="0.11.6", detectors=102, contracts=1, network="seccomp", compiler_version="0.8.37", milliseconds=2_100)
    told = {found[0].key: "Somebody could take out more than they put in. <script>alert(1)</script>"} if explained else {}
    result = Result(found=list(found), tool=tool, explanations=told, explained_by="granite4:micro")
    await runtime.uow.run(lambda session: flow._finish(session, desk, claimed, result))
    return row.id


async def test_an_audit_from_order_to_pdf(sits: Sits, treasury: Treasury, runtime: Runtime, tmp_path: Path) -> None:  # noqa: F811
    desk = await sits("ada.okafor")
    assert "No contract has been audited" in await desk.text("/audits/")
    assert "must be chosen" in await desk.refused(422, "/audits/order/", contract_id="")
    upload = {"file": ("Bank.sol", SOURCE.encode())}
    refused = await desk.http.post("/audits/order/", data={"csrfmiddlewaretoken": desk._token}, files={"file": ("A.sol", b'import "./B.sol";')})
    assert refused.status_code == 422 and "imports B.sol in A.sol" in said(refused), said(refused)[-1500:]
    ordered = await desk.http.post("/audits/order/", data={"csrfmiddlewaretoken": desk._token}, files=upload)
    assert ordered.status_code == 302
    path = ordered.headers["Location"].split("?")[0]
    assert "It waits for a worker" in await desk.text(path)
    await desk.does(f"{path}cancel/")
    assert "It was cancelled" in await desk.text(path)
    user_id = (await store.latest(treasury.org_id, 1))[0].requested_by
    first = await finished(runtime, treasury.org_id, user_id, "Bank.sol", a_finding("slither:1"), POWER, explained=True)
    page = await desk.text(f"/audits/{first}/")
    for words in ("Reentrancy eth in withdraw", "Machine reading", "nobody has checked it", "src/Bank.sol:3", "mint(address,uint256)", "412", "37.5"):
        assert words in page, words
    raw = (await desk.http.get(f"/audits/{first}/")).text
    assert "<script>alert(1)" not in raw and "<b>&amp;amp;" not in raw and "&lt;b&gt;" in raw
    only = await desk.text(f"/audits/{first}/?severity=medium")
    assert "New tokens can be made" in only and "Reentrancy eth in withdraw" not in only
    high = (await store.findings(treasury.org_id, first))[0]
    assert "The reason is needed" in await desk.refused(422, f"/audits/{first}/findings/{high.id}/suppress/", reason="")
    await desk.does(f"/audits/{first}/findings/{high.id}/suppress/", reason="Only our Safe of five deposits here.")
    assert "Suppressed by Ada Okafor" in await desk.text(f"/audits/{first}/")
    second = await finished(runtime, treasury.org_id, user_id, "Bank.sol", POWER, a_finding("slither:3", Severity.LOW, title="Another"))
    compared = await desk.text(f"/audits/{second}/")
    assert "Since the audit before" in compared and "Reentrancy eth in withdraw" in compared and "new" in compared
    answer = await desk.http.get(f"/audits/{first}/pdf/")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-bank-sol-')
    told = in_print(answer.content, tmp_path)
    for words in (
        "Risk score: 7 of 100",
        "Audit of Bank.sol",
        "Suppressed by Ada Okafor",
        "Machine reading by granite4:micro",
        "mint(address,uint256)",
    ):
        assert words in told, words
    assert "Since the audit before" not in told, "there was none"
    later = in_print((await desk.http.get(f"/audits/{second}/pdf/")).content, tmp_path)
    assert "Since the audit before: 1 new, 1 gone Gone: Reentrancy eth in withdraw" in later


def in_print(pdf: bytes, folder: Path) -> str:
    (folder / "audit.pdf").write_bytes(pdf)
    told = subprocess.run([program("pdftotext"), "-layout", str(folder / "audit.pdf"), "-"], check=True, capture_output=True, text=True, timeout=60)
    return " ".join(told.stdout.split())


@pytest.mark.browser
@pytest.mark.parametrize("window", [{"width": 390}], indirect=True)
async def test_the_pages_follow_by_themselves_and_fit_a_phone(window: Window, treasury: Treasury, runtime: Runtime) -> None:
    await window.log_in(path="/audits/")
    await window.is_live()
    audit_id = await finished(runtime, treasury.org_id, treasury.admin.id, "Bank.sol", a_finding("slither:1"), POWER, explained=True)
    await window.page.evaluate("document.body.dispatchEvent(new CustomEvent('coffer:contract-audit'))")  # as live.js tells of `contract_audit.ended`
    await expect(window.page.locator(f"#audit-{audit_id}")).to_contain_text("37", timeout=60_000)
    for path in ("/audits/", f"/audits/{audit_id}/", "/audits/order/"):
        await window.go(path)
        assert await window.sideways_scroll() == 0, path
        assert await window.grave_findings() == [], path
