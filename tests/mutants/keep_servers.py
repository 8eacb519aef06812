"""MongoDB and Valkey for `python -m tests.mutants`, until whoever started it closes its input."""

import asyncio
import json
import sys
from pathlib import Path

from crypto_project.embedded.servers import Configured, EmbeddedServers


async def main(folder: Path) -> None:
    embedded = EmbeddedServers(folder / "data", folder / "logs", configured=Configured.nothing(), chain=None, test_commands=True)
    async with embedded:
        found = embedded.addresses
        print(json.dumps({"COFFER_TEST_MONGODB_URI": found.mongodb_uri, "COFFER_TEST_REDIS_URL": found.redis_url}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
