"""How long the database takes, as this process sees it, for Prometheus."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from prometheus_client import Counter, Histogram
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

COMMAND_S = Histogram(
    "coffer_mongodb_command_seconds",
    "Time until MongoDB answered a command",
    ["command"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
COMMANDS_FAILED = Counter("coffer_mongodb_commands_failed_total", "Commands that MongoDB refused, or that got no answer", ["command"])
CONFLICTS = Counter("coffer_units_of_work_repeated_total", "Transactions that met another one and ran again")
GIVEN_UP = Counter("coffer_units_of_work_given_up_total", "Transactions that met others until their time was over")


_around_units: "Callable[[], AbstractContextManager[object]]" = nullcontext
watchers: "list[Watching]" = []
"""Who is told of each command beside the figures. Put in before the client is made."""


def unit_of_work() -> AbstractContextManager[object]:
    return _around_units()


def watch_units(around: "Callable[[], AbstractContextManager[object]]" = nullcontext) -> None:
    """Every unit of work runs in it from here on, its repetitions too."""
    global _around_units  # noqa: PLW0603  one of each process
    _around_units = around


class CommandTimes(CommandListener):
    """Counts by the name of the command, which the driver chooses: nothing of what is asked is looked at."""

    def started(self, event: CommandStartedEvent) -> None: ...

    def succeeded(self, event: CommandSucceededEvent) -> None:
        COMMAND_S.labels(event.command_name).observe(event.duration_micros / 1e6)

    def failed(self, event: CommandFailedEvent) -> None:
        COMMANDS_FAILED.labels(event.command_name).inc()


Told = Callable[[str, str | None, int, str | None], None]
"""The command, its collection, how long it took in ns, and the kind of what went wrong, if anything did."""


class Watching(CommandListener):
    """Tells of each command by its name and its collection, in the context of whoever asked: nothing of what is asked is looked at."""

    def __init__(self, tell: Told) -> None:
        self._tell = tell
        self._collections: dict[int, str] = {}

    def started(self, event: CommandStartedEvent) -> None:
        collection = event.command.get(event.command_name)
        if isinstance(collection, str):
            self._collections[event.request_id] = collection

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self._tell(event.command_name, self._collections.pop(event.request_id, None), event.duration_micros * 1000, None)

    def failed(self, event: CommandFailedEvent) -> None:
        told = event.failure.get("codeName") or event.failure.get("errtype") or "failed"
        self._tell(event.command_name, self._collections.pop(event.request_id, None), event.duration_micros * 1000, str(told)[:80])
