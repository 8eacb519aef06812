"""`create_admin`: the first account of an installation, or of an organisation."""

import asyncio
import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config, load_config
from crypto_api.flows.operate_accounts import Made, create_admin, new_password
from crypto_api.identity.types import NewUser
from crypto_api.kit import log
from crypto_api.kit.errors import CoreError, InvalidInput
from crypto_project.management.running import plain_failures


class Command(BaseCommand):
    help = (
        "Makes a verified account: with --organization its founder and ADMIN, without a PLATFORM_ADMIN. The password is read from the terminal or "
        "from standard input; where there is neither, one is made and printed once."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        for name in ("email", "username", "first-name", "last-name"):
            parser.add_argument(f"--{name}", required=True)
        parser.add_argument("--organization", metavar="NAME", help="the organisation to found")
        parser.add_argument("--password-stdin", action="store_true", help="the first line of standard input is the password")

    def handle(self, *, email: str, username: str, first_name: str, last_name: str, organization: str | None, **options: Any) -> None:
        password, generated = _password(from_stdin=options["password_stdin"])
        person = NewUser(username, email, first_name, last_name)
        with plain_failures():
            try:
                made = asyncio.run(_create(load_config(), person, password, organization, made_up=generated))
            except InvalidInput as problem:
                raise CommandError("; ".join(f"{error.field} {error.message}" for error in problem.errors)) from None
            except CoreError as problem:
                raise CommandError(problem.detail) from None
        what = f"ADMIN of {organization} ({made.org_id})" if made.org_id else "PLATFORM_ADMIN"
        self.stdout.write(f"{made.user.username} <{made.user.email}> is {what} ({made.user.id})")
        if generated:
            until = made.user.password_until
            self.stdout.write(f"it counts until {until:%Y-%m-%d %H:%M} UTC: log in and choose another under Security, or by a letter afterwards")
            self.stdout.write(f"password: {password}")


def _password(*, from_stdin: bool) -> tuple[str, bool]:
    """The password, and whether it was made here."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if not sys.stdin.isatty():
        return new_password(), True
    typed = getpass.getpass("Password (empty: one is made): ")
    if not typed:
        return new_password(), True
    if getpass.getpass("Once more: ") != typed:
        raise CommandError("the two are not the same")
    return typed, False


async def _create(config: Config, person: NewUser, password: str, organization: str | None, *, made_up: bool) -> Made:
    log.configure(config.log_dir, process="create_admin")
    async with open_runtime(config) as runtime:
        cost = config.bcrypt_cost
        return await create_admin(runtime.uow, runtime.clock, person, password, organization_name=organization, bcrypt_cost=cost, made_up=made_up)
