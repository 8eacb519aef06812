"""`rotate_master_key`: seals every wallet's key under the signer's current MASTER_KEY, after the one before was put into MASTER_KEYS_PREVIOUS."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config, load_config
from crypto_api.flows.rewrap_keys import Rewrapped, rewrap_keys
from crypto_api.kit import log
from crypto_api.kit.signing import SignerUnavailable
from crypto_api.organizations import store as organizations
from crypto_project.management.running import plain_failures


class Command(BaseCommand):
    help = "Seals every wallet's key under the signer's current MASTER_KEY. Broken off, it goes on where it was."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, **_: Any) -> None:
        with plain_failures():
            try:
                key_id, told = asyncio.run(_rewrap(load_config()))
            except SignerUnavailable:
                raise CommandError("the signer cannot be reached: start it with the new MASTER_KEY, and run this again") from None
        self.stdout.write(f"{told.done} keys were sealed again under {key_id}, {told.before} stood under it already")
        if told.broken:
            raise CommandError("do not open: " + "; ".join(told.broken))
        self.stdout.write("MASTER_KEYS_PREVIOUS can be emptied")


async def _rewrap(config: Config) -> tuple[str, Rewrapped]:
    log.configure(config.log_dir, process="rotate_master_key")
    async with open_runtime(config) as runtime:
        key_id = str((await runtime.signer.health())["key_id"])
        org_ids = [row.id for row in await organizations.everyone()]
        return key_id, await rewrap_keys(runtime.uow, runtime.clock, runtime.signer, org_ids)
