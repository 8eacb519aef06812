"""`check`: Django's checks, then the settings, and whether every configured server answers and is fit."""

import asyncio
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Awaitable
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.check import Command as DjangoCheck
from redis.asyncio import Redis

from crypto_api.adapters.json_rpc import JsonRpcChain
from crypto_api.config import Config, load_config
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.networks import Endpoint, NetworkConfig
from crypto_api.migrations import MIGRATIONS
from crypto_project.management.running import plain_failures
from mongodb_config.backup import refuse_half_restored
from mongodb_config.client import connect
from mongodb_config.migrations import refuse_newer
from mongodb_config.probe import inspect


class Command(DjangoCheck):
    help = "Checks the project, the settings, and that every configured server answers and is fit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--skip-servers", action="store_true", help="only what can be checked without any server")

    def handle(self, *labels: str, **options: Any) -> None:
        super().handle(*labels, **options)
        if labels or options["tags"] or options["list_tags"] or options["skip_servers"]:
            return
        with plain_failures():
            config = load_config()
            config.load_networks()
        if not asyncio.run(self._report(config)):
            raise CommandError("not everything is in order")

    async def _report(self, config: Config) -> bool:
        sound = True
        async for name, problem in _servers(config):
            sound = sound and problem is None
            self.stdout.write(f"{name:<24} {problem or 'in order'}", self.style.ERROR if problem else self.style.SUCCESS)
        return sound


async def _servers(config: Config) -> AsyncIterator[tuple[str, str | None]]:
    yield "database", await _problem(_database(config))
    yield "queue and frames", await _problem(_valkey(config.redis_url))
    for slug, network in config.load_networks().items():
        yield f"network {slug}", await _problem(_network(network))


async def _problem(check: Awaitable[None]) -> str | None:
    try:
        await asyncio.wait_for(check, 15)
    except Exception as error:  # a check that fails in whatever way is what this command is to tell
        return (str(error) or type(error).__name__).splitlines()[0].split(" (configured timeouts")[0]
    return None


async def _database(config: Config) -> None:
    async with connect(config.mongodb_uri) as client:
        await inspect(client)
        await refuse_half_restored(client[config.mongodb_database])
        await refuse_newer(client[config.mongodb_database], MIGRATIONS)


async def _valkey(url: str) -> None:
    async with Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
        await client.ping()


async def _network(network: NetworkConfig) -> None:
    """Each of its providers by itself. What is wrong is told by host names: the rest of an address may hold an access key."""
    problems = [f"{endpoint.host}: {problem}" for endpoint in network.endpoints() if (problem := await _provider(endpoint, network.chain_id))]
    if problems:
        raise ValueError("; ".join(problems))


async def _provider(endpoint: Endpoint, chain_id: int) -> str | None:
    async with JsonRpcChain([endpoint], chain_id) as chain:
        try:
            await chain.block_number()
        except ChainUnavailable as error:
            return error.detail
    return None
