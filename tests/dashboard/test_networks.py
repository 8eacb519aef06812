"""The page of the networks: what it says of each provider, to whom, and that it changes by itself."""

from typing import Any

import pytest
from playwright.async_api import expect

from crypto_api.chains import store as chain_store
from crypto_api.chains.documents import FollowState
from crypto_api.kit.networks import ProviderHealth, ProviderState
from crypto_api.runtime import Runtime
from tests.conftest import ConfigMaker
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.factories.treasury import NETWORKS, Treasury

__all__ = ["sits"]

KEY = "a1b2c3d4e5f6a7b8"


@pytest.fixture
def make_config(make_config: ConfigMaker) -> ConfigMaker:
    """The network of the tests with three providers, and one of which nothing was heard."""
    providers = [
        {"url": f"https://mainnet.infura.example/v3/{KEY}", "ws_url": f"wss://mainnet.infura.example/ws/v3/{KEY}"},
        {"url": f"https://user:{KEY}@rpc.ankr.example/eth"},
        {"url": "http://10.0.0.7:8545", "requests_per_second": 25, "batch_max": 50},
    ]
    ours = {"providers": providers, "name": "Ethereum", "credits_agreed_above": {"ETH": "8", "USDC": "25000"}}
    local = {name: value for name, value in NETWORKS[0].items() if name != "rpc_urls"} | ours
    polygon = {"preset": "polygon", "providers": [{"url": f"https://polygon.example/{KEY}"}]}

    def make(networks: list[dict[str, object]] | None = None, **settings: Any) -> Any:
        return make_config([local, polygon], **settings)

    return make


def reports() -> list[ProviderHealth]:
    return [
        ProviderHealth("mainnet.infura.example", "http", ProviderState.IN_USE, 21_400_112, 0, 84, 0.0, None, 1_240, 20),
        ProviderHealth("rpc.ankr.example", "http", ProviderState.SET_ASIDE, 21_400_091, 21, 310, 0.2, "it is 21 blocks behind", 6, 20),
        ProviderHealth("10.0.0.7:8545", "http", ProviderState.UNREACHABLE, None, None, None, 1.0, "it accepts no connections", 2, 20),
        ProviderHealth("mainnet.infura.example", "websocket", ProviderState.IN_USE, 21_400_112),
    ]


async def test_each_provider_is_named_by_its_host_and_told_apart(sits: Sits, runtime: Runtime, treasury: Treasury) -> None:
    await treasury.cursor(21_400_112, lag=4, state=FollowState.CATCHING_UP, reason="1 of the 2 providers that must agree named block 7")
    await chain_store.put_providers("local", reports(), runtime.clock.now())
    page = await (await sits("ada.okafor")).text("/networks/")
    assert KEY not in page
    assert "Catching up" in page and "4 blocks" in page and "1 of the 2 providers that must agree named block 7." in page
    assert "Ethereum, 3 of 4 fit" not in page and "Ethereum, 2 of 4 fit" in page
    for words in ("In use", "Set aside", "It is 21 blocks behind.", "Unreachable", "10.0.0.7:8545", "84 ms", "1,240", "at most 25 a second", "of 50"):
        assert words in page, words
    assert (
        "2 providers must name a block before it is confirmed. Credits of more than 8 ETH, 25,000 USDC are booked once as many tell the same." in page
    )
    assert "There is one provider: it is believed, and no credit or final block is compared" in page, "Polygon"
    assert "Each block that touches a wallet is proved" in page and "Blocks are not proved" in page
    assert "Polygon" in page and "has not read a block" in page and "Not heard of" in page


@pytest.mark.browser
async def test_the_page_changes_by_itself(window: Window, runtime: Runtime, treasury: Treasury) -> None:
    await treasury.cursor(21_400_112, lag=4, state=FollowState.CATCHING_UP)
    await chain_store.put_providers("local", reports()[:1], runtime.clock.now())
    await window.log_in(path="/networks/")
    await expect(window.page.locator("#provider-local-1")).to_contain_text("In use")
    await chain_store.put_providers("local", reports(), runtime.clock.now())
    await expect(window.page.locator("#provider-local-2")).to_contain_text("It is 21 blocks behind")
    await expect(window.page.locator("#provider-local-3")).to_contain_text("Unreachable")
    assert await window.unfit("networks") == []
