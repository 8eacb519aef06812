"""How the installation does, read when Prometheus asks: over all organisations, in numbers, and nothing of any of them."""

from prometheus_client.core import GaugeMetricFamily, Metric

from crypto_api.chains import store as chains
from crypto_api.chains.documents import FollowState
from crypto_api.events import store as events
from crypto_api.inbox import store as inbox
from crypto_api.inbox.types import ItemKind
from crypto_api.ledger import seal_store
from crypto_api.payments import store as payments
from crypto_api.reports.parts import parts_of
from crypto_api.runtime import Runtime
from crypto_api.tasks import store as tasks
from crypto_api.webhooks import store as webhooks

UNSEALED_MAX = 10_000
"""More are told as that many: the lane that seals is far behind, and counting them on would cost it time."""


async def measure(runtime: Runtime) -> list[Metric]:
    """While the database is away it tells which parts answer, and none of the rest: a figure of before would look like one of now."""
    parts = await parts_of(runtime)
    found: list[Metric] = [
        _of_labels("coffer_part_ready", "Whether a part answers: 1, or 0", "part", {name: part.ready for name, part in parts.items()})
    ]
    if parts["mongodb"].ready:
        found += [*await _networks(), *await _payments(runtime), *await _waiting(runtime)]
    return found


async def _networks() -> list[Metric]:
    rows = {row.id: row for row in await chains.cursors()}
    found: list[Metric] = [
        _of_labels("coffer_network_head_block", "Highest block that the provider told of", "network", {name: row.head for name, row in rows.items()}),
        _of_labels("coffer_network_followed_block", "Last block that was stored", "network", {name: row.height for name, row in rows.items()}),
        _of_labels(
            "coffer_network_confirmed_block", "Up to which block all is final", "network", {name: row.confirmed for name, row in rows.items()}
        ),
        _of_labels(
            "coffer_network_gap_blocks",
            "Blocks that nobody has read",
            "network",
            {name: sum(gap.last - gap.first + 1 for gap in row.gaps) for name, row in rows.items()},
        ),
    ]
    state = GaugeMetricFamily("coffer_network_state", "The state that following is in: 1", labels=["network", "state"])
    for name, row in rows.items():
        for each in FollowState:
            state.add_metric([name, each.value], float(row.state is each))
    provider = GaugeMetricFamily("coffer_provider_state", "The state that a provider is in: 1", labels=["network", "host", "state"])
    for seen in await chains.providers():
        provider.add_metric([seen.network, seen.host, seen.state.value], 1)
    return [*found, state, provider]


async def _payments(runtime: Runtime) -> list[Metric]:
    open_ = GaugeMetricFamily("coffer_payments_open", "Payments that have not ended", labels=["network", "state"])
    due = GaugeMetricFamily("coffer_payments_due", "Payments that the worker should look at now", labels=["network", "state"])
    for network in runtime.networks:
        for state, (count, count_due) in (await payments.count_under_way_of_network(network, runtime.clock.now())).items():
            open_.add_metric([network, state.value], count)
            due.add_metric([network, state.value], count_due)
    return [open_, due]


async def _waiting(runtime: Runtime) -> list[Metric]:
    oldest = await events.oldest_pending()
    waited_s = (runtime.clock.now() - oldest).total_seconds() if oldest else 0.0
    items = await inbox.count_open_by_kind()
    failing, suspended = await webhooks.count_failing_and_suspended()
    found: list[Metric] = [
        GaugeMetricFamily("coffer_events_oldest_unnumbered_seconds", "How long an event has waited for its number", value=max(0.0, waited_s)),
        GaugeMetricFamily("coffer_entries_unsealed", "Posted entries that wait for their seal", value=len(await seal_store.unsealed(UNSEALED_MAX))),
        GaugeMetricFamily(
            "coffer_dead_letters_open", "Jobs that failed for the last time, and nobody has looked after", value=await tasks.count_open_dead_letters()
        ),
        GaugeMetricFamily("coffer_webhooks_failing", "Receivers that do not take what they are sent", value=failing),
        GaugeMetricFamily("coffer_webhooks_suspended", "Receivers that were given up", value=suspended),
        _of_labels("coffer_inbox_open", "Items that wait for a person", "kind", {kind.value: items.get(kind, 0) for kind in ItemKind}),
    ]
    if (depth := await runtime.queue.depth()) is not None:
        found.append(GaugeMetricFamily("coffer_queue_depth", "Jobs that wait or run", value=depth))
    return found


def _of_labels(name: str, told: str, label: str, values: dict[str, int] | dict[str, bool]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family
