"""`batch_contract`: whether the contract that pays many at once stands on a network, and the transaction that puts it there."""

import asyncio
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config, load_config
from crypto_api.flows.batch_contract import BatchCode, BatchContract, Standing, deploying, look_at_batch_contract
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.payments.batch import DEPLOYER
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
        parser.add_argument("--own-code", action="store_true", help="the one that wallets run as their own code (EIP-7702)")

    def handle(self, *, network: str, own_code: bool, **_: Any) -> None:
        which = BatchCode.OWN_CODE if own_code else BatchCode.ANY_WALLET
        with plain_failures():
            try:
                found, chain_id = asyncio.run(_look(load_config(), network, which))
            except ChainUnavailable as problem:
                raise CommandError(problem.detail) from None
        if found.standing is Standing.STANDS:
            self.stdout.write(f"{which.address} on {network} has our code ({found.code_hash})")
        elif found.standing is Standing.OTHER_CODE:
            raise CommandError(
                f"{which.address} on {network} has other code ({found.code_hash}) than ours ({which.code_hash}): nothing may be paid by it"
            )
        elif found.standing is Standing.NO_PROXY:
            raise CommandError(f"the deployment proxy is not on {network}: it belongs at {DEPLOYER}, and how it gets there is told by its authors")
        else:
            self.stdout.write(json.dumps(deploying(chain_id, which)))
            raise CommandError(f"our batch contract is not on {network}: send the transaction above from any wallet, and run this again")


async def _look(config: Config, slug: str, which: BatchCode) -> tuple[BatchContract, int]:
    async with open_runtime(config) as runtime:
        if (network := runtime.networks.get(slug)) is None:
            raise CommandError(f"there is no network {slug}; known are {', '.join(runtime.networks) or 'none'}")
        return await look_at_batch_contract(PaymentNode(runtime.rpc[slug], None), which), network.chain_id
