"""`serve`: the product on the servers that are configured, embedded ones for the rest; no sample data."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console

from crypto_api.kit import log
from crypto_project.banner import serve_panel
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.embedded.servers import Configured
from crypto_project.main_task import run, until_signal
from crypto_project.management.running import plain_failures
from crypto_project.npm import ROOT
from crypto_project.ready_file import write_ready_file
from crypto_project.shell import DEFAULT_LOG_DIR, Shell, ShellOptions


class Command(BaseCommand):
    help = "The product on the servers that are configured, with embedded ones for the rest. No sample data."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 behind a proxy on another machine")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--data-dir", type=Path, default=ROOT / ".data" / "serve", help="for keys and embedded servers")
        parser.add_argument("--ready-file", type=Path)

    def handle(self, **options: Any) -> None:
        with plain_failures():
            sys.exit(run(self._serve(options)))

    async def _serve(self, options: dict[str, Any]) -> int:
        console = Console(stderr=True)
        shell = Shell(_shell_options(options))
        log.configure(shell.log_dir, process="serve")
        with console.status("starting ..."):
            await shell.__aenter__()
        try:
            console.print(serve_panel(shell))
            if options["ready_file"]:
                write_ready_file(options["ready_file"], shell.ready_document())
            await until_signal()
        finally:
            await shell.__aexit__(*sys.exc_info())
        return 0


def _shell_options(options: dict[str, Any]) -> ShellOptions:
    configured = Configured()
    chain_elsewhere = configured.networks or configured.infura_url
    return ShellOptions(
        data_dir=options["data_dir"].resolve(),
        log_dir=Path(os.environ.get("LOG_DIR", DEFAULT_LOG_DIR)).resolve(),
        host=options["host"],
        port=options["port"],
        configured=configured,
        chain=None if chain_elsewhere else ChainNodeOptions(block_time_s=1.0),
        sample_data=False,
        keep_servers=True,
    )
