"""`demo`: the product on embedded servers with a sample organisation and live activity; `--once` plays one scenario and checks its outcome."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console

from crypto_api.kit import log
from crypto_project.banner import demo_panel
from crypto_project.embedded.chain_node import ChainNodeOptions
from crypto_project.embedded.servers import Configured
from crypto_project.main_task import run, until_signal
from crypto_project.management.running import plain_failures
from crypto_project.ready_file import write_ready_file
from crypto_project.shell import DEFAULT_DATA_DIR, DEFAULT_LOG_DIR, Shell, ShellOptions

LIVE_CHAIN = ChainNodeOptions(block_time_s=1.0)
ONCE_CHAIN = ChainNodeOptions(mining=False, keep=False)  # the scenario says when a block comes


class Command(BaseCommand):
    help = "The product on embedded servers, with a sample organisation and live activity."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the API and the dashboard; the next free one if taken")
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--data-dir", type=Path, default=None, help="where everything is kept (default: .data/demo)")
        where.add_argument("--ephemeral", action="store_true", help="keep nothing")
        parser.add_argument("--ready-file", type=Path, help="write addresses, log-in and process ids there once everything answers")
        parser.add_argument("--no-activity", action="store_true", help="no continuous payments on the chain")
        parser.add_argument("--once", action="store_true", help="play one fixed scenario to its end, check the outcome, end with 0 or 1")
        parser.add_argument("--json", action="store_true", help="with --once: print the outcome as JSON")

    def handle(self, **options: Any) -> None:
        if options["ready_file"]:
            options["ready_file"].unlink(missing_ok=True)  # of an earlier run
        main = self._once(options) if options["once"] else self._live(options)
        with plain_failures():
            sys.exit(run(main))

    async def _live(self, options: dict[str, Any]) -> int:
        console = Console(stderr=True)
        shell = Shell(_live_options(options))
        log.configure(shell.log_dir, process="demo")
        if shell.port != options["port"]:
            console.print(f"Port {options['port']} is taken; using {shell.port}.")
        with console.status("starting ..."):
            await shell.__aenter__()
        try:
            console.print(demo_panel(shell))
            if options["ready_file"]:
                write_ready_file(options["ready_file"], shell.ready_document())
            await until_signal()
        finally:
            console.print("stopping ...")
            await shell.__aexit__(*sys.exc_info())
        return 0

    async def _once(self, options: dict[str, Any]) -> int:
        from crypto_project.demo import once

        shell = Shell(ShellOptions(data_dir=options["data_dir"], chain=ONCE_CHAIN, configured=Configured.nothing()))
        log.configure(shell.log_dir, process="demo")
        async with shell:
            if options["ready_file"]:
                write_ready_file(options["ready_file"], shell.ready_document())
            return int(await once.run(shell, json_output=options["json"]))


def _live_options(options: dict[str, Any]) -> ShellOptions:
    configured = Configured()
    data_dir = None if options["ephemeral"] else (options["data_dir"] or DEFAULT_DATA_DIR).resolve()
    return ShellOptions(
        data_dir=data_dir,
        log_dir=DEFAULT_LOG_DIR if data_dir == DEFAULT_DATA_DIR else None,
        port=options["port"],
        configured=configured,
        chain=LIVE_CHAIN,
        activity=not options["no_activity"],
        payday=True,
        keep_servers=True,
    )
