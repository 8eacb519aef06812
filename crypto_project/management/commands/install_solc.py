"""`install_solc VERSION`: a Solidity compiler for the verification of contracts, from npm into the data directory."""

import json
import os
import re
import shutil
import subprocess
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.adapters.solidity_compiler import SolidityCompiler
from crypto_api.config import load_config
from crypto_project.management.running import plain_failures
from crypto_project.npm import FLAGS, NpmFailed, find_node

VERSION = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,3}", re.ASCII)


class Command(BaseCommand):
    help = "Installs the Solidity compiler of that version, such as 0.8.20. npm checks what it fetches against the registry's hash."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", nargs="*", help="such as 0.8.20; without one it lists those that are installed")

    def handle(self, *, version: list[str], **_: Any) -> None:
        with plain_failures():
            folder = load_config().solc_dir
            for wanted in version:
                install(folder, wanted)
                self.stdout.write(f"the compiler {wanted} is installed")
            if not version:
                self.stdout.write("\n".join(SolidityCompiler(folder).versions()) or "no compiler is installed")


def install(folder: Path, version: str) -> None:
    """NpmFailed. Complete or not there: it is fetched beside its place and moved in."""
    if not VERSION.fullmatch(version):
        raise CommandError(f"{version} is no version of a compiler such as 0.8.20")
    if version in SolidityCompiler(folder).versions():
        return
    partial, place = folder / f".{version}.partial", folder / version
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        (partial / "package.json").write_text(json.dumps({"name": f"coffer-solc-{version.replace('.', '-')}", "private": True}))
        _npm_install(partial, f"solc@{version}")
        shutil.rmtree(place, ignore_errors=True)
        partial.rename(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _npm_install(folder: Path, package: str) -> None:
    node = find_node()
    env = os.environ | {"PATH": f"{node.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [str(node.node), str(node.npm_cli), "install", package, "--save-exact", *FLAGS]
    done = subprocess.run(command, check=False, cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("npm error", "npm ERR!"))]
        raise NpmFailed(f"{package} could not be fetched: {said[0] if said else done.stderr.strip()[:300]}")
