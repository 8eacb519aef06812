"""`rotate_keys`: a new key signs access tokens; the one before it verifies what it signed until that has run out."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config, load_config
from crypto_api.flows.access_tokens import rotate_keys
from crypto_api.flows.reseal import reseal
from crypto_api.kit import log
from crypto_api.kit.errors import BoxBroken
from crypto_project.management.running import plain_failures


class Command(BaseCommand):
    help = "Makes a new key that signs access tokens. The one before it still verifies for the life of a token, a quarter of an hour."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--now", action="store_true", help="end the old keys at once: every access token in use stops working within seconds")
        parser.add_argument(
            "--reseal", action="store_true", help="make no key; seal with SECRET_KEY what SECRET_KEY_PREVIOUS sealed, which can be emptied then"
        )

    def handle(self, *, now: bool, reseal: bool, **_: Any) -> None:
        if now and reseal:
            raise CommandError("--now and --reseal are two things: run them one after the other")
        with plain_failures():
            try:
                self.stdout.write(asyncio.run(_reseal(load_config()) if reseal else _rotate(load_config(), at_once=now)))
            except BoxBroken:
                raise CommandError("a secret opens with neither SECRET_KEY nor SECRET_KEY_PREVIOUS") from None


async def _rotate(config: Config, *, at_once: bool) -> str:
    log.configure(config.log_dir, process="rotate_keys")
    async with open_runtime(config) as runtime:
        kid = await rotate_keys(runtime.uow, runtime.box, runtime.clock.now(), at_once=at_once)
    return f"{kid} signs now; the keys before it {'count no more' if at_once else 'verify what they signed until it has run out'}"


async def _reseal(config: Config) -> str:
    log.configure(config.log_dir, process="rotate_keys")
    async with open_runtime(config) as runtime:
        count = await reseal(runtime.uow, runtime.box, runtime.clock.now())
    return f"{count} secrets are sealed with SECRET_KEY; SECRET_KEY_PREVIOUS can be emptied"
