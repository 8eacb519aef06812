"""`resume_following`: goes on after a reorganisation that was too deep to be undone without a person."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config, load_config
from crypto_api.flows.advance_chain import CursorMoved, TooDeep
from crypto_api.flows.resume_following import NotStopped, Resumed, foresee, resume_following
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_project.management.running import plain_failures


class Command(BaseCommand):
    help = (
        "Says what a stopped network's blocks and those of its node have in common. With --accept the node is believed: blocks that it lacks are "
        "undone, and following goes on by itself. Look at the node first: one that lost its history looks the same."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--network", required=True, help="the network's slug")
        parser.add_argument("--accept", action="store_true", help="do it")

    def handle(self, *, network: str, accept: bool, **_: Any) -> None:
        with plain_failures():
            try:
                done = asyncio.run(_resume(load_config(), network, accept))
            except (NotStopped, ChainUnavailable) as problem:
                raise CommandError(problem.detail) from None
            except TooDeep as problem:
                raise CommandError(str(problem)) from None
            except CursorMoved:
                raise CommandError("the follower went on by itself meanwhile") from None
        what = f"{done.undone} blocks {'were' if accept else 'would be'} undone; following goes on after block {done.height}"
        self.stdout.write(what if done.gap is None else f"{what}. {_gap(network, done)}")


def _gap(network: str, done: Resumed) -> str:
    assert done.gap is not None
    return (
        f"None of the blocks that are kept is the node's. Once it has caught up, blocks {done.gap.first} to {done.gap.last} have to be "
        f"read again: manage.py reindex --network {network} --from {done.gap.first}"
    )


async def _resume(config: Config, slug: str, accept: bool) -> Resumed:
    async with open_runtime(config) as runtime:
        if (network := runtime.networks.get(slug)) is None:
            raise CommandError(f"there is no network {slug}; known are {', '.join(runtime.networks) or 'none'}")
        chain = runtime.rpc[slug]
        return await resume_following(runtime.uow, runtime.clock, network, chain) if accept else await foresee(network, chain)
