"""What flows are put together with, out of a runtime: the same for whoever calls them, by HTTP, on a page or in a worker."""

from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.flows.audit_contract import AuditDesk
from crypto_api.flows.keep_webhooks import Desk as WebhookDesk
from crypto_api.flows.match_receipts import Matcher
from crypto_api.flows.operate_tasks import TaskDesk
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.flows.price_at import Prices
from crypto_api.flows.request_payment import Receiving
from crypto_api.organizations.types import Principal
from crypto_api.runtime import Runtime


def payment_desk_of(runtime: Runtime) -> PaymentDesk:
    nodes = {slug: PaymentNode(rpc, runtime.networks[slug].l1_fee_oracle) for slug, rpc in runtime.rpc.items()}
    return PaymentDesk(runtime.uow, runtime.clock, runtime.networks, nodes, _prices(runtime), runtime.queue)


def receiving_of(runtime: Runtime) -> Receiving:
    return Receiving(runtime.uow, runtime.clock, runtime.networks, _prices(runtime), runtime.box, runtime.config.frontend_url)


def matcher_of(runtime: Runtime) -> Matcher:
    return Matcher(runtime.uow, runtime.clock, _prices(runtime))


def webhook_desk_of(runtime: Runtime) -> WebhookDesk:
    return WebhookDesk(runtime.uow, runtime.clock, runtime.box, runtime.receivers)


def audit_desk_of(runtime: Runtime) -> AuditDesk:
    return AuditDesk(runtime.uow, runtime.clock, runtime.rpc, runtime.compiler, runtime.analyser, runtime.llm)


def task_desk_of(runtime: Runtime, principal: Principal, org_id: str) -> TaskDesk:
    return TaskDesk(runtime.uow, runtime.clock, principal, org_id)


def _prices(runtime: Runtime) -> Prices:
    return Prices(runtime.networks, runtime.prices)


def forget_caches(runtime: Runtime) -> dict[str, int]:
    """What this process keeps in memory only to be quicker is forgotten: how many of each. A provider that asked us to wait is still waited for."""
    return {
        "price_questions": runtime.prices.forget(),
        "methods_not_offered": sum(chain.forget() for chain in runtime.rpc.values()),
    }
