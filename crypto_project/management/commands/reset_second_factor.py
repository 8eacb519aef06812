"""`reset_second_factor`: for somebody who lost theirs."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config, load_config
from crypto_api.flows.operate_accounts import NotProved, reset_second_factor
from crypto_api.identity.documents import User
from crypto_api.identity.rules import fold
from crypto_api.kit import log
from crypto_api.kit.errors import NotFound
from crypto_project.management.running import plain_failures


class Command(BaseCommand):
    help = "Removes somebody's authenticator app, recovery codes and passkeys and ends all their sessions, once they have proved who they are."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--seen", default="", help="what you have seen that proves who it is, such as a passport, and when; for the audit log")

    def handle(self, *, email: str, seen: str, **_: Any) -> None:
        with plain_failures():
            try:
                user = asyncio.run(_reset(load_config(), fold(email), seen.strip()))
            except NotFound:
                raise CommandError(f"there is no account with the address {email}") from None
            except NotProved:
                raise CommandError(
                    "whoever asks has proved nothing: they set a new password by a letter (Forgotten your password?) within the hour before this, "
                    "or you say with --seen what you have seen that proves who they are"
                ) from None
        self.stdout.write(f"{user.username} <{user.email}> has no second factor and no passkey any more; every session has ended")


async def _reset(config: Config, email: str, seen: str) -> User:
    log.configure(config.log_dir, process="reset_second_factor")
    async with open_runtime(config) as runtime:
        return await reset_second_factor(runtime.uow, runtime.clock, email, seen=seen)
