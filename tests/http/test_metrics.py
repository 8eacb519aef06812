"""What Prometheus is told: true at the moment, of a bounded number of rows, and of no organisation or person."""

import asyncio
import re
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import orjson
import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from crypto_api.adapters.metrics_listener import MetricsListener
from crypto_api.events.documents import Event
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.types import ItemKind, ItemState
from crypto_api.kit.ids import new_id
from crypto_api.kit.loop_watch import Cause, loop_watched
from crypto_api.reports.measures import measure
from crypto_api.runtime import Runtime
from crypto_api.tasks.documents import DeadLetter
from crypto_api.tasks.types import JobRef
from tests.http.conftest import Join, serve
from tests.http.test_system import cursor

ROOT = Path(__file__).resolve().parents[2]
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def figures(listener: MetricsListener) -> tuple[Figures, str]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{listener.port}/metrics")
        live = await client.get(f"http://127.0.0.1:{listener.port}/live")
    assert (live.status_code, live.text) == (200, "ok")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(row.name, tuple(sorted(row.labels.items()))): row.value for family in families for row in family.samples}, answer.text


def item(runtime: Runtime, org_id: str, kind: ItemKind, state: ItemState) -> InboxItem:
    now = runtime.clock.now()
    return InboxItem(
        id=new_id("inb"), created_at=now, org_id=org_id, key=new_id("inb"), kind=kind, state=state, subject_kind="x", subject_id="x", title="x",
        live=state is not ItemState.RESOLVED, cause="x", fingerprint="x", updated_at=now,
    )  # fmt: skip


async def test_the_figures_are_those_of_the_moment_and_tell_nothing_of_anybody(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    async with MetricsListener("127.0.0.1:0", partial(measure, runtime)) as listener:
        before, _ = await figures(listener)
        now = runtime.clock.now()
        await cursor(runtime, height=50, head=93, confirmed=40, gaps=[{"first": 10, "last": 12}]).insert()
        for kind, state in (
            (ItemKind.RECONCILIATION_DIFFERENCE, ItemState.OPEN),
            (ItemKind.RECONCILIATION_DIFFERENCE, ItemState.IN_PROGRESS),
            (ItemKind.RECONCILIATION_DIFFERENCE, ItemState.WAIVED),
            (ItemKind.RECONCILIATION_DIFFERENCE, ItemState.RESOLVED),
            (ItemKind.PAYMENT_NEEDS_HUMAN, ItemState.OPEN),
        ):
            await item(runtime, ada.org_id, kind, state).insert()
        job = JobRef(id="job_1", name="verify_contract", payload={})
        await DeadLetter(id=new_id("dlt"), created_at=now, org_id=ada.org_id, job=job, task_id=None, error="x", attempts=3).insert()
        await Event.get_pymongo_collection().update_many({}, {"$set": {"pending": True, "created_at": now - timedelta(seconds=90)}})
        for _ in range(3):
            assert (await ada.http.get("/api/wallets/")).status_code == 200
        assert (await ada.http.get(f"/api/wallets/{new_id('wal')}/")).status_code == 404
        assert (await ada.http.get("/no-such-page-1/")).status_code == (await ada.http.get("/metrics")).status_code == 404, "not on this listener"
        strange = await ada.http.request("PROPFIND", "/api/wallets/")
        found, text = await figures(listener)

    def gained(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return found[key] - before.get(key, 0)

    assert gained("coffer_http_request_seconds_count", method="GET", route="/api/wallets/", status="200") == 3
    assert gained("coffer_http_request_seconds_count", method="GET", route="/api/wallets/<wallet_id>/", status="404") == 1
    assert gained("coffer_http_request_seconds_count", method="GET", route="none", status="404") == 2
    assert strange.status_code == 405 and not any("PROPFIND" in str(labels) for _, labels in found)
    assert found["coffer_network_head_block", (("network", "testnet"),)] == 93
    assert found["coffer_network_followed_block", (("network", "testnet"),)] == 50
    assert found["coffer_network_confirmed_block", (("network", "testnet"),)] == 40
    assert found["coffer_network_gap_blocks", (("network", "testnet"),)] == 3
    states = {labels: value for (name, labels), value in found.items() if name == "coffer_network_state"}
    assert [dict(labels)["state"] for labels, value in states.items() if value] == ["following"] and len(states) > 3
    assert found["coffer_inbox_open", (("kind", "reconciliation_difference"),)] == 2, "what was waived or resolved waits for nobody"
    assert found["coffer_inbox_open", (("kind", "payment_needs_human"),)] == 1
    assert found["coffer_inbox_open", (("kind", "missing_price"),)] == 0
    assert found["coffer_dead_letters_open", ()] == 1
    assert 90 <= found["coffer_events_oldest_unnumbered_seconds", ()] < 150 and before["coffer_events_oldest_unnumbered_seconds", ()] < 60
    assert found["coffer_part_ready", (("part", "mongodb"),)] == 1 and found["coffer_part_ready", (("part", "node:testnet"),)] == 0
    assert gained("coffer_mongodb_command_seconds_count", command="find") > 3
    for secret in (ada.org_id, ada.user["id"], ada.user["email"], "Byron", "no-such-page-1", "PROPFIND"):
        assert secret not in text


async def test_figures_go_on_while_the_database_is_away(runtime: Runtime) -> None:
    async def away(*_: object, **__: object) -> None:
        raise TimeoutError

    await cursor(runtime).insert()
    async with MetricsListener("127.0.0.1:0", partial(measure, runtime)) as listener, serve(runtime):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("crypto_api.reports.parts._mongodb", away)
            found, _ = await figures(listener)
            assert found["coffer_part_ready", (("part", "mongodb"),)] == 0
            assert not any(name.startswith("coffer_network") for name, _ in found), "what was true before is not told as what is"
        assert (await figures(listener))[0]["coffer_network_head_block", (("network", "testnet"),)] == 93


async def test_a_loop_that_is_held_up_is_counted_and_one_that_is_free_is_not() -> None:
    def stalls() -> float:
        return sum(REGISTRY.get_sample_value("coffer_event_loop_stalls_total", {"cause": cause.value}) or 0.0 for cause in Cause)

    def looks() -> float:
        return REGISTRY.get_sample_value("coffer_event_loop_late_seconds_count") or 0.0

    async with loop_watched():
        await asyncio.sleep(0)  # it has begun to wait
        before, seen = stalls(), looks()
        time.sleep(0.6)  # it is held up
        async with asyncio.timeout(30):
            while looks() == seen:
                await asyncio.sleep(0.01)
        assert stalls() > before


@pytest.mark.parametrize("listen", ["9464", "127.0.0.1:", "http://127.0.0.1:9464", "127.0.0.1:9464/x", "a b:1"])
def test_an_address_that_is_none_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="METRICS_LISTEN"):
        MetricsListener(listen)


def _told() -> set[str]:
    """Names of all figures, as a query may name them."""
    import crypto_api.kit.measuring
    import mongodb_config.measuring

    assert crypto_api.kit.measuring and mongodb_config.measuring
    counted = {family.name: family.type for family in REGISTRY.collect() if family.name.startswith("coffer_")}
    names = {f"{name}_total" if kind == "counter" else name for name, kind in counted.items()}
    names |= {f"{name}_{part}" for name, kind in counted.items() if kind == "histogram" for part in ("bucket", "count", "sum")}
    return names | set(re.findall(r'"(coffer_[a-z_]+)"', (ROOT / "crypto_api" / "reports" / "measures.py").read_text()))


def test_alerts_and_the_dashboard_ask_for_figures_that_exist() -> None:
    alerts = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    dashboard = orjson.loads((ROOT / "deploy" / "grafana" / "coffer.json").read_bytes())
    asked = [rule["expr"] for rule in rules] + [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert len(rules) >= 12 and len(asked) > 25
    unknown = {name for expr in asked for name in re.findall(r"coffer_[a-z_]+", expr)} - _told()
    assert unknown == set()
    runbooks = (ROOT / "docs" / "runbooks.md").read_text()
    anchors = {re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in runbooks.splitlines() if line.startswith("## ")}
    for rule in rules:
        assert set(rule["annotations"]) == {"summary", "runbook"} and rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/runbooks.md" and anchor in anchors, rule["alert"]
