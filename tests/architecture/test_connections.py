"""What docs/security/rules.md says of each connection ("What it talks to") is what the code asks for: how many, how long, how often."""

from datetime import timedelta

from crypto_api.adapters import channel_layer, limiter, mail, queue, signer, webhook_receivers
from crypto_api.adapters.outside_http import OutsideHttp
from crypto_api.adapters.providers import ProviderPool
from crypto_api.config import Config
from crypto_api.kit.networks import Endpoint
from crypto_api.webhooks.rules import GIVE_UP_AFTER
from mongodb_config.client import connect
from tests.architecture.reading import ROOT
from tests.conftest import TEST_SECRET_KEY
from workers.webhooks import AT_ONCE, RETRIED_AT_ONCE


def told() -> dict[str, str]:
    section = (ROOT / "docs" / "security" / "rules.md").read_text().split("## What it talks to")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| ")]
    return {row[0]: row[-1] for row in rows[1:]}


async def test_what_is_told_of_each_connection_is_what_is_asked_for() -> None:
    rows = told()
    config = Config(_env_file=None, secret_key=TEST_SECRET_KEY)  # type: ignore[call-arg,arg-type]
    async with connect("mongodb://127.0.0.1:9/") as client:
        pool = client.options.pool_options
        assert rows["database"].startswith(f"{pool.max_pool_size} of each process") and pool.max_pool_size == 100
        assert f"{pool.connect_timeout:.0f} s to connect, {pool.socket_timeout:.0f} s for an answer" in rows["database"]
        assert pool.wait_queue_timeout is None, "whoever finds none free waits"
    times = sorted({limiter._TIMEOUT_S, queue._TIMEOUT_S, channel_layer._TIMEOUT_S})
    assert f"{times[0]:.0f} to {times[-1]:.0f} s" in rows["Valkey"]
    endpoint = Endpoint(url="https://node.example/")  # type: ignore[arg-type]
    async with ProviderPool([endpoint], 1, lag_blocks_max=3) as nodes:
        connector = nodes._http.connector
        assert connector is not None and rows["nodes"].startswith(f"{connector.limit_per_host} at a time each") and connector.limit_per_host == 8
    assert f"; {endpoint.timeout_s:.0f} s;" in rows["nodes"]
    async with OutsideHttp() as http:
        outside = http._session(private=False).connector
        assert outside is not None
        assert rows["price sources"].startswith(f"{outside.limit_per_host} at a time each, {outside.limit} together")
    async with webhook_receivers.WebhookReceivers() as asking:
        outside = asking._http._session(private=False).connector
        assert outside is not None and (outside.limit, outside.limit_per_host) == (0, 0), "nobody waits for a connection"
    receivers = rows["receivers of webhooks"]
    places = f"{AT_ONCE} at a time, {RETRIED_AT_ONCE} more of those that failed last"
    assert receivers.startswith(f"{places}, {webhook_receivers.TIMEOUT_S:.0f} s, {GIVE_UP_AFTER // timedelta(hours=1)} hours")
    assert rows["mail"].startswith(f"{mail.TIMEOUT_S} s;") and rows["signer"] == f"{signer._TIMEOUT_S:.0f} s"
    assert (config.llm_concurrency, config.llm_timeout_s) == (1, 20.0) and rows["model"] == "`LLM_CONCURRENCY`, `LLM_TIMEOUT_S`"
