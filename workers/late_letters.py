"""Letters whose job was lost, or which the mail server did not take: sent again by whoever comes round."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from crypto_api.kit import log
from crypto_api.kit.errors import Unavailable
from crypto_api.kit.jobs import Job

J = TypeVar("J", bound=Job)
_logger = log.get(__name__)


async def send_late(jobs: Iterable[J], send: Callable[[J], Awaitable[None]]) -> int:
    """How many left. The first that is not taken ends it: the others would wait as long, and all of them come round again."""
    sent = 0
    for job in jobs:
        try:
            await send(job)
        except Unavailable as error:
            _logger.warning("letter_waits", letter=job.name, reason=error.detail)
            break
        sent += 1
    return sent
