"""The one start of every process: connect, bind the documents, yield the Runtime, close in reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from beanie import init_beanie

from crypto_api.adapters.channel_layer import Frames
from crypto_api.adapters.json_rpc import JsonRpcChain
from crypto_api.adapters.limiter import Limiter
from crypto_api.adapters.mail import Mailer, is_this_machine
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
from crypto_api.documents import DOCUMENTS
from crypto_api.identity import strictness
from crypto_api.kit.clock import Clock, SystemClock, source
from crypto_api.kit.together import SharedReads
from crypto_api.migrations import MIGRATIONS
from crypto_api.runtime import Runtime
from mongodb_config.backup import refuse_half_restored
from mongodb_config.client import connect
from mongodb_config.leases import Leases
from mongodb_config.migrations import refuse_newer
from mongodb_config.presence import Presence
from mongodb_config.probe import inspect
from mongodb_config.server_time import server_time
from mongodb_config.unit_of_work import UnitOfWork


@asynccontextmanager
async def open_runtime(config: Config, *, clock: Clock | None = None) -> AsyncIterator[Runtime]:
    """Indexes and validators are not touched here: `crypto_api.migrations.prepare_database` makes them, once, before processes start.

    UnfitServer when the database server would lose acknowledged writes, NewerDatabase when a newer release has migrated it.
    """
    strictness.ask(strictness.Strictness(config.second_factor_required, config.code_steps_around))
    async with AsyncExitStack() as stack:
        mongo = connect(config.mongodb_uri)
        stack.push_async_callback(mongo.close)
        await inspect(mongo)
        database = mongo[config.mongodb_database]
        await refuse_half_restored(database)
        await refuse_newer(database, MIGRATIONS)
        await stack.enter_async_context(server_time.followed(mongo))
        reads = SharedReads()
        stack.push_async_callback(reads.close)
        source.unix_s = server_time.unix_s
        await init_beanie(database=database, document_models=DOCUMENTS, skip_indexes=True)
        networks = config.load_networks()
        rpc = {slug: await stack.enter_async_context(JsonRpcChain.of(network)) for slug, network in networks.items()}
        yield Runtime(
            config=config,
            networks=networks,
            mongo=mongo,
            database=database,
            uow=UnitOfWork(mongo, await stack.enter_async_context(Presence(database))),
            leases=Leases(database),
            rpc=rpc,
            prices=await stack.enter_async_context(OutsidePrices(rpc, config.load_prices())),
            queue=await stack.enter_async_context(JobQueue(config.redis_url)),
            frames=await stack.enter_async_context(Frames(config.redis_url)),
            mail=Mailer(
                config.email_host,
                config.email_port,
                user=config.email_host_user,
                password=config.email_host_password.get_secret_value(),
                sender=config.email_from,
                tls=config.email_tls == "required" and not is_this_machine(config.email_host),
                mock=config.email_mock_mode,
                mock_dir=config.log_dir / "mail",
            ),
            llm=_language_model(config),
            signer=SignerClient(config.signer_socket.absolute()),
            box=SecretBox(*_secret_keys(config)),
            limiter=await stack.enter_async_context(Limiter(config.redis_url, config.rates())),
            compiler=SolidityCompiler(config.solc_dir),
            receivers=await stack.enter_async_context(_receivers(config)),
            news=await stack.enter_async_context(NewsFeeds(config.news_feeds)),
            libraries=InstalledLibraries(),
            analyser=Slither(config.slither_dir),
            clock=clock or SystemClock(),
            reads=reads,
        )


def _secret_keys(config: Config) -> list[str]:
    return [key for key in (config.secret_key.get_secret_value(), config.secret_key_previous.get_secret_value()) if key]


def _receivers(config: Config) -> WebhookReceivers:
    return WebhookReceivers(config.webhook_private_hosts, allowed=config.webhook_hosts, in_the_clear=config.development)


def _language_model(config: Config) -> OllamaModel | None:
    if not config.llm_base_url:
        return None
    return OllamaModel(
        config.llm_base_url,
        config.llm_model_name,
        api_key=config.llm_api_key.get_secret_value(),
        timeout_s=config.llm_timeout_s,
        concurrency=config.llm_concurrency,
        keep_alive=config.llm_keep_alive,
        pinned=config.llm_model_digest,
        ca_file=config.llm_ca_file,
    )
