"""What the log-in and the overview cost whoever comes for the first time, against the budget that is kept beside this file. No times: those are for
`python -m benchmarks.first_page`."""

import tomllib
from pathlib import Path
from typing import Any

from crypto_api.runtime import Runtime
from tests.dashboard.conftest import Window
from tests.dashboard.test_portfolio_pages import fill
from tests.factories.first_page import Cost, first_cost
from tests.factories.treasury import Treasury

BUDGETS: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("first_page.toml").read_text())


def beyond(cost: Cost, budget: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """What is spent and what may be, where it is more."""
    spent = {
        "kilobytes": cost.bytes / 1000,
        "script_kilobytes": cost.script_bytes / 1000,
        "requests": cost.requests,
        "blocking_requests": cost.blocking,
        "layout_shift": cost.layout_shift,
    }
    return {name: (value, budget[name]) for name, value in spent.items() if value > budget[name]}


async def test_the_first_pages_keep_to_their_budgets(runtime: Runtime, treasury: Treasury, relay: None, window: Window) -> None:
    await fill(runtime, treasury)
    log_in = await first_cost(window.context, window.site.url + BUDGETS["log-in"]["path"])
    assert beyond(log_in, BUDGETS["log-in"]) == {}, log_in
    assert log_in.bytes > 50_000, "styles and font came at all, and nothing from a cache"
    await window.log_in()
    overview = await first_cost(window.context, window.site.url + BUDGETS["overview"]["path"], until="[data-live][data-state=live]")
    assert beyond(overview, BUDGETS["overview"]) == {}, overview
    assert all(row.startswith("br ") for row in overview.texts), overview.texts
