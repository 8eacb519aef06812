"""How long the database takes, as this process sees it, for Prometheus."""

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


class CommandTimes(CommandListener):
    """Counts by the name of the command, which the driver chooses: nothing of what is asked is looked at."""

    def started(self, event: CommandStartedEvent) -> None: ...

    def succeeded(self, event: CommandSucceededEvent) -> None:
        COMMAND_S.labels(event.command_name).observe(event.duration_micros / 1e6)

    def failed(self, event: CommandFailedEvent) -> None:
        COMMANDS_FAILED.labels(event.command_name).inc()
