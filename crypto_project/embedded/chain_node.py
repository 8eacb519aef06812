"""An Ethereum chain for trying out and tests: anvil from PATH, else the one that npm brought."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import httpx

from crypto_project.embedded.child import Child, ChildFailed
from crypto_project.embedded.ports import free_port
from crypto_project.npm import NODE_MODULES


@dataclass(frozen=True)
class ChainNodeOptions:
    chain_id: int = 31337
    block_time_s: float | None = None  # None: a block for each transaction
    mining: bool = True  # False: blocks only on `evm_mine`
    accounts: int = 10
    epoch_slots: int | None = None  # `finalized` is two epochs behind the head; None: 32 slots
    hardfork: str | None = None
    keep: bool = True  # the chain survives a restart, as the database does
    keep_old_states: bool = False  # so that balances at blocks before a restart can be read after it: 190 kB a block, against 4
    dump_every_s: int = 5  # how much of the chain SIGKILL may lose; each dump writes all of it


def chain_node(data_dir: Path, log_dir: Path, options: ChainNodeOptions) -> tuple[Child, int]:
    """The node and the port on which it answers HTTP and WebSocket."""
    port, folder = free_port(), data_dir / "chain"
    folder.mkdir(parents=True, exist_ok=True)

    async def answers() -> bool:
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
        async with httpx.AsyncClient(timeout=1, trust_env=False) as client:
            answer = await client.post(f"http://127.0.0.1:{port}", json=request)
        return int(answer.json()["result"], 16) == options.chain_id

    command = [str(find_anvil()), "--port", str(port), *_arguments(options, folder)]
    return Child("chain", command, log_file=log_dir / "chain.log", ready=answers, cwd=folder), port


def find_anvil() -> Path:
    if on_path := shutil.which("anvil"):
        return Path(on_path)
    from_npm = NODE_MODULES / "@foundry-rs" / "anvil-linux-amd64" / "bin" / "anvil"
    if from_npm.exists():
        return from_npm
    raise ChildFailed("no chain node: npm has anvil for Linux on x86-64 only. Put `anvil` (Foundry) on PATH, or set GANACHE_URL to a node of yours.")


def _arguments(options: ChainNodeOptions, folder: Path) -> list[str]:
    arguments = ["--quiet", "--host", "127.0.0.1", "--chain-id", str(options.chain_id), "--accounts", str(options.accounts)]
    arguments += ["--cache-path", str(folder / "cache")]  # its default is in the home directory
    if not options.mining:
        arguments += ["--no-mining"]
    elif options.block_time_s is not None:
        arguments += ["--block-time", str(options.block_time_s)]
    if options.epoch_slots is not None:
        arguments += ["--slots-in-an-epoch", str(options.epoch_slots)]
    if options.hardfork is not None:
        arguments += ["--hardfork", options.hardfork]
    if options.keep:
        arguments += ["--state", str(folder / "state.json"), "--state-interval", str(options.dump_every_s)]
    if options.keep and options.keep_old_states:
        arguments += ["--preserve-historical-states"]
    return arguments
