"""`batch_contract`: whether the contract that pays many at once stands on a network, and the transaction that puts it there."""

import asyncio
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config, load_config
from crypto_api.flows.batch_contract import OUR_CODE_HASH, BatchContract, Standing, deploying, look_at_batch_contract
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.payments.batch import BATCH_CONTRACT, DEPLOYER
from crypto_project.management.running import plain_failures


class Command(BaseCommand):
    help = (
        "Compares the code at our batch contract's address with ours. Where there is none it prints the transaction that deploys it, as JSON on "
        "standard output: any wallet may send it, since the address follows from the code. Run it again afterwards: it ends with 1 until the code is "
        "ours."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--network", required=True, help="the network's slug")

    def handle(self, *, network: str, **_: Any) -> None:
        with plain_failures():
            try:
                found, chain_id = asyncio.run(_look(load_config(), network))
            except ChainUnavailable as problem:
                raise CommandError(problem.detail) from None
        if found.standing is Standing.STANDS:
            self.stdout.write(f"{BATCH_CONTRACT} on {network} has our code ({found.code_hash})")
        elif found.standing is Standing.OTHER_CODE:
            raise CommandError(
                f"{BATCH_CONTRACT} on {network} has other code ({found.code_hash}) than ours ({OUR_CODE_HASH}): nothing may be paid by it"
            )
        elif found.standing is Standing.NO_PROXY:
            raise CommandError(f"the deployment proxy is not on {network}: it belongs at {DEPLOYER}, and how it gets there is told by its authors")
        else:
            self.stdout.write(json.dumps(deploying(chain_id)))
            raise CommandError(f"our batch contract is not on {network}: send the transaction above from any wallet, and run this again")


async def _look(config: Config, slug: str) -> tuple[BatchContract, int]:
    async with open_runtime(config) as runtime:
        if (network := runtime.networks.get(slug)) is None:
            raise CommandError(f"there is no network {slug}; known are {', '.join(runtime.networks) or 'none'}")
        return await look_at_batch_contract(PaymentNode(runtime.rpc[slug], None)), network.chain_id
