"""What a process holds while it runs, as one frozen value. Edges unpack it and hand on the narrow thing that a flow needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crypto_api.adapters.channel_layer import Frames
from crypto_api.adapters.json_rpc import JsonRpcChain
from crypto_api.adapters.limiter import Limiter
from crypto_api.adapters.mail import Mailer
from crypto_api.adapters.news_feeds import NewsFeeds
from crypto_api.adapters.ollama import OllamaModel
from crypto_api.adapters.price_sources import OutsidePrices
from crypto_api.adapters.queue import JobQueue
from crypto_api.adapters.secret_box import SecretBox
from crypto_api.adapters.signer import SignerClient
from crypto_api.adapters.slither import Slither
from crypto_api.adapters.solidity_compiler import SolidityCompiler
from crypto_api.adapters.solidity_libraries import InstalledLibraries
from crypto_api.adapters.webhook_receivers import WebhookReceivers
from crypto_api.config import Config
from crypto_api.kit.clock import Clock
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.together import SharedReads
from mongodb_config.client import Database, MongoClient
from mongodb_config.leases import Leases
from mongodb_config.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Runtime:
    config: Config
    networks: Mapping[str, NetworkConfig]
    mongo: MongoClient
    database: Database
    uow: UnitOfWork
    leases: Leases
    rpc: Mapping[str, JsonRpcChain]  # by network slug
    prices: OutsidePrices
    queue: JobQueue
    frames: Frames
    mail: Mailer
    llm: OllamaModel | None
    signer: SignerClient
    box: SecretBox
    limiter: Limiter
    compiler: SolidityCompiler
    receivers: WebhookReceivers
    news: NewsFeeds
    libraries: InstalledLibraries
    analyser: Slither
    clock: Clock
    reads: SharedReads


def runtime_of(scope: Mapping[str, Any]) -> Runtime:
    """The runtime of an ASGI scope: the lifespan put it there."""
    runtime: Runtime = scope["state"]["runtime"]
    return runtime
