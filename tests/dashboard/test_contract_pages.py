"""Pages of the registry of contracts, on a real node."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page

from crypto_api.bootstrap import open_runtime
from crypto_api.contracts import store
from crypto_api.contracts.documents import Contract, ContractVerification
from crypto_api.contracts.jobs import VerifyContract
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_project.embedded.ports import free_port
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Desk, Sits, sits  # noqa: F401
from tests.factories.contracts import COMPILER, VAULT_SOURCE, Deployer, artifacts, contract_node
from tests.factories.treasury import NETWORKS, Treasury
from workers import contracts as worker

LARGEST = 2**256 - 1


@pytest.fixture(scope="module")
async def deployed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployer]:
    async with contract_node(tmp_path_factory.mktemp("contracts")) as node:
        yield node


@pytest.fixture
async def runtime(make_config: Any, host: str, deployed: Deployer) -> AsyncIterator[Runtime]:
    networks = [NETWORKS[0] | {"rpc_urls": [str(deployed.http.base_url)], "price_feeds": []}]
    async with open_runtime(make_config(networks, frontend_url=f"http://{host}:{free_port()}")) as opened:
        yield opened


async def register(desk: Desk, address: str, name: str, abi: str = "") -> str:
    """The path of its page."""
    return (await desk.does("/contracts/register/", address=address, network="local", name=name, abi=abi)).split("?")[0]


async def abi_of(name: str) -> str:
    import json

    return json.dumps((await artifacts())[name]["abi"])


async def test_a_contract_is_registered_asked_and_renamed(sits: Sits, treasury: Treasury, deployed: Deployer) -> None:  # noqa: F811
    desk = await sits("ada.okafor")
    assert "No contract is registered" in await desk.text("/contracts/")
    said = await desk.refused(
        422, "/contracts/register/", address=deployed.account, network="local", name="x", abi='[{"type":"function","name":"<b>"}]'
    )
    assert "(abi.0.name) must be an identifier" in said
    assert "has no code on this network" in await desk.refused(
        422, "/contracts/register/", address=deployed.account, network="local", name="", abi=""
    )
    path = await register(desk, deployed.made["uups"], "Oracle", await abi_of("Oracle"))
    page = await desk.text(path)
    assert "LARGEST" in page and "Change it" in page and deployed.made["Oracle"] in page
    answer = await desk.post(f"{path}call/", function="LARGEST()")
    assert str(LARGEST) in answer.text
    order = await desk.post(f"{path}call/", function="order()")
    assert "caf\u00e9 ⟨U+202E⟩evil &lt;b&gt;" in order.text and "\u202e" not in order.text
    refused = await desk.post(f"{path}call/", function="refuse()")
    assert "not on Sundays" in refused.text and "\u202e" not in refused.text
    wrong = await desk.post(f"{path}call/", **{"function": "grid(uint8[2][])", "argument-0": "[1"})
    assert "Argument 1 must look like [[" in wrong.text
    assert await desk.does(f"{path}edit/", name="Price oracle", abi=await abi_of("Oracle"), version="1") == f"{path}?done=saved"
    assert "Price oracle" in await desk.text("/contracts/", q="price")
    assert "Somebody else has changed this" in await desk.refused(409, f"{path}edit/", name="Other", abi="", version="1")
    assert await desk.does(f"{path}refresh/") == f"{path}?done=read"


async def test_a_source_is_verified_from_its_page(sits: Sits, treasury: Treasury, runtime: Runtime, deployed: Deployer) -> None:  # noqa: F811
    desk = await sits("ada.okafor")
    path = await register(desk, deployed.made["Vault"], "Vault")
    form = {"contract_name": "Vault", "compiler_version": COMPILER, "optimizer": "on", "runs": "200", "evm_version": "cancun"}
    said = await desk.refused(422, f"{path}verify/", **form | {"runs": "many", "creation_transaction": "0x12"}, source="")
    assert "The source is needed" in said and "must be a whole number" in said and "must be 0x and 64 hexadecimal digits" in said
    source = VAULT_SOURCE + "// hides \u202e\u202c nothing\n"
    assert await desk.does(f"{path}verify/", **form, source=source.replace("\n", "\r\n")) == f"{path}?done=asked"
    assert "is being compiled" in await desk.text(path)
    (row,) = await ContractVerification.find({"org_id": treasury.org_id}).to_list()
    await worker._verify(runtime, VerifyContract(org_id=row.org_id, verification_id=row.id))
    page = await desk.text(path)
    assert "Verified, partial" in page and "// hides ⟨U+202E⟩⟨U+202C⟩ nothing" in page and "\u202e" not in page


async def test_whoever_only_reads_is_offered_no_change(sits: Sits, treasury: Treasury, runtime: Runtime, deployed: Deployer) -> None:  # noqa: F811
    path = await register(await sits("ada.okafor"), deployed.made["Oracle"], "Oracle", await abi_of("Oracle"))
    await treasury.member("Rae", "Auditor", Role.AUDITOR)
    desk = await sits("rae.auditor")
    page = await desk.text(path)
    assert "Read again" not in page and "Prepare the payment" not in page and "Verify its source" not in page
    assert "Your role prepares no payments" in page
    assert str(LARGEST) in (await desk.post(f"{path}call/", function="LARGEST()")).text
    assert "payments.prepare" in (await desk.post(f"{path}write/", function="store(uint256)", **{"argument-0": "1"})).text
    assert (await desk.post(f"{path}refresh/")).status_code == 403


@pytest.mark.browser
async def test_functions_are_called_in_the_browser(window: Window, treasury: Treasury, runtime: Runtime, deployed: Deployer) -> None:
    await treasury.wallet("Treasury", address=deployed.account)
    await window.log_in(path="/contracts/register/")
    page: Page = window.page
    await page.fill("#address", deployed.made["uups"])
    await page.fill("#name", "Oracle")
    await page.fill("#abi", await abi_of("Oracle"))
    await page.click("main form button[type=submit]")
    await page.wait_for_selector("text=What stands there")
    await page.click("summary:has-text('grid')")
    form = page.locator("details.function[open]")
    await form.locator("textarea").fill('[["1", "2"], ["3", "4"]]')
    await form.locator("button[type=submit]").click()
    await form.locator(".answer-values dd", has_text="406").wait_for()
    await form.locator("textarea").fill('[["1", "256"]]')
    await form.locator("button[type=submit]").click()
    await form.locator(".answer-problem", has_text="does not fit into uint8").wait_for()
    assert await window.sideways_scroll() == 0
    assert await window.grave_findings() == []
    (row,) = await Contract.find({"org_id": treasury.org_id}).to_list()
    assert await store.get(treasury.org_id, row.id) is not None
