"""The life of the signer: the vault first, then the desk, until it is told to end or the vault has."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

from beanie import init_beanie

from crypto_api.adapters.log_shipping import shipped
from crypto_api.documents import DOCUMENTS
from crypto_api.kit import log
from crypto_api.kit.clock import SystemClock, source
from crypto_api.kit.standstill import ends_at_a_standstill
from crypto_api.migrations import MIGRATIONS
from mongodb_config.backup import refuse_half_restored
from mongodb_config.client import MongoClient, connect
from mongodb_config.migrations import refuse_newer
from mongodb_config.server_time import server_time
from signer.desk import Desk
from signer.hardening import harden
from signer.operations import Operations
from signer.settings import VAULT_NAMES, DeskSettings
from signer.vault_link import VaultLink

_logger = log.get(__name__)


async def run(settings: DeskSettings, ready_file: Path | None = None) -> int:
    """Until cancelled. VaultUnfit or SocketInUse when it cannot begin."""
    log.configure(settings.log_dir, process="signer")
    harden()
    async with VaultLink() as vault, ends_at_a_standstill(), shipped("signer", settings.otel_exporter_otlp_logs_endpoint):
        for name in VAULT_NAMES:
            os.environ.pop(name, None)
        mongo = connect(settings.mongodb_uri)
        binding = Binding(mongo, settings.mongodb_database)
        try:
            operations = Operations(vault, SystemClock(), binding)
            async with Desk(operations, settings.signer_socket.absolute(), uids=settings.signer_client_uids):
                _logger.info("signer_started", key_id=vault.key_id, intake=vault.intake.kid)
                if ready_file is not None:
                    ready_file.write_text(str(os.getpid()))  # noqa: ASYNC240  a few bytes, once
                await vault.gone.wait()
        finally:
            await binding.close()
            await mongo.close()
    _logger.error("vault_gone")
    return 1


class Binding:
    """Connects the documents with the database, once, at the first question that needs it: sealing does not. UnfitServer or NewerDatabase where
    nothing may be signed by what stands in it."""

    def __init__(self, mongo: MongoClient, database: str) -> None:
        self._mongo, self._database = mongo, database
        self._lock = asyncio.Lock()
        self._bound = False
        self._stack = AsyncExitStack()

    async def close(self) -> None:
        await self._stack.aclose()

    async def __call__(self) -> None:
        async with self._lock:
            if not self._bound:
                database = self._mongo[self._database]
                await refuse_half_restored(database)
                await refuse_newer(database, MIGRATIONS)
                await init_beanie(database=database, document_models=DOCUMENTS, skip_indexes=True)
                await self._stack.enter_async_context(server_time.followed(self._mongo))
                source.unix_s = server_time.unix_s
                self._bound = True
