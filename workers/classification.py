"""Actors of understanding."""

from crypto_api.classification.jobs import ClassifyTransaction
from crypto_api.flows.classify_transaction import classify_transaction
from crypto_api.kit import log
from crypto_api.runtime import Runtime
from crypto_api.transactions import store as transactions
from workers.actor import Actor
from workers.running import running

_logger = log.get(__name__)


async def _classify(runtime: Runtime, job: ClassifyTransaction) -> None:
    row = await transactions.get(job.org_id, job.transaction_id)
    network = runtime.networks.get(row.network) if row is not None else None
    if network is None or runtime.llm is None:
        return
    async with running(runtime.uow, runtime.clock, job.org_id, job.name, f"Asking {runtime.config.llm_model_name} about a transaction") as task:
        outcome = await classify_transaction(runtime.uow, runtime.clock, job.org_id, job.transaction_id, network, runtime.llm)
        task.summary = f"The model was asked about a transaction: {outcome.value.replace('_', ' ')}"
    _logger.info("classified", transaction=job.transaction_id, outcome=outcome.value)


ACTORS = [Actor(ClassifyTransaction, _classify)]
