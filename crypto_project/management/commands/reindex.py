"""`reindex`: reads blocks again, compares them with what is stored, and puts right what differs."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config, load_config
from crypto_api.flows.reindex import Reindexed, reindex
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_project.management.running import plain_failures


class Command(BaseCommand):
    help = (
        "Reads blocks again and compares them with the transactions that are stored. What is missing is added, what differs is booked anew with a "
        "reversal, what the chain no longer has is orphaned; nothing is deleted. It may run beside the workers, which book what it repairs."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--network", required=True, help="the network's slug")
        parser.add_argument("--from", dest="first", type=int, help="the first block; where following or a backfill began when left out")
        parser.add_argument("--to", dest="last", type=int, help="the last block; the last one processed when left out")
        parser.add_argument("--dry-run", action="store_true", help="only say what differs")

    def handle(self, *, network: str, first: int | None, last: int | None, dry_run: bool, **_: Any) -> None:
        with plain_failures():
            try:
                done = asyncio.run(self._reindex(load_config(), network, first, last, dry_run))
            except InvalidInput as problem:
                raise CommandError("; ".join(f"{error.field} {error.message}" for error in problem.errors)) from None
            except ChainUnavailable as problem:
                raise CommandError(f"stopped: {problem.detail}") from None
        verb = "differ" if dry_run else "were put right"
        self.stdout.write(f"{done.blocks} blocks, {done.rows} transactions: {len(done.found)} {verb}")

    async def _reindex(self, config: Config, slug: str, first: int | None, last: int | None, dry_run: bool) -> Reindexed:
        async with open_runtime(config) as runtime:
            if (network := runtime.networks.get(slug)) is None:
                raise CommandError(f"there is no network {slug}; known are {', '.join(runtime.networks) or 'none'}")
            chain = runtime.rpc[slug]
            return await reindex(runtime.uow, runtime.clock, network, chain, first, last, dry_run=dry_run, tell=self.stdout.write)
