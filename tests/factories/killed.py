"""A process of its own that works on a test's database and is killed at a named step (kit/faultpoint.py)."""

import asyncio
import os
import sys
from pathlib import Path

from crypto_api.config import Config
from crypto_api.kit.faultpoint import order_kill

_PROGRAM = """
import asyncio
from crypto_api.bootstrap import open_runtime
from crypto_api.config import load_config
{imports}

async def main():
    async with open_runtime(load_config()) as runtime:
        while await {call}:
            pass

asyncio.run(main())
"""


async def killed_at(config: Config, folder: Path, step: str, imports: str, call: str, *, nth: int = 1, **settings: str) -> None:
    """Awaits `call` (which has a `runtime`) until it is falsy; fails unless the process is killed before, at the nth pass of `step`. `settings`: more
    of those that it is to have."""
    order_kill(folder, step, nth)
    env = {
        **os.environ,
        "MONGODB_URI": config.mongodb_uri,
        "MONGODB_DATABASE": config.mongodb_database,
        "REDIS_URL": config.redis_url,
        "SECRET_KEY": config.secret_key.get_secret_value(),
        "COFFER_FAULTPOINTS": str(folder),
        **({"NETWORKS": str(config.networks)} if config.networks is not None else {}),
        **settings,
    }
    program = _PROGRAM.format(imports=imports, call=call)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=env, cwd=Path(__file__).parents[2])
    assert await process.wait() == -9, f"{step} was not reached"
