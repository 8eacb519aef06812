"""Starts a child again when it ends by itself, with back-off."""

import asyncio
import time

from crypto_api.kit import log
from crypto_project.embedded.child import Child

BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.2, 5.0
STEADY_AFTER_S = 10.0  # one that ran this long starts its back-off anew

logger = log.get(__name__)


class Keeper:
    def __init__(self, child: Child) -> None:
        self.restarts = 0
        self._child = child
        self._task = asyncio.create_task(self._keep(), name=f"keep {child.name}")

    async def release(self) -> None:
        """From here on it may end."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        backoff_s, since = BACKOFF_FIRST_S, time.monotonic()
        while True:
            code = await self._child.wait()
            if time.monotonic() - since > STEADY_AFTER_S:
                backoff_s = BACKOFF_FIRST_S
            logger.warning("child_ended", child=self._child.name, exit_code=code, restart_in_s=backoff_s, log=str(self._child.log_file))
            await asyncio.sleep(backoff_s)
            backoff_s, since = min(backoff_s * 2, BACKOFF_MAX_S), time.monotonic()
            await self._child.launch()
            self.restarts += 1
