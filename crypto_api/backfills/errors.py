"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class BackfillRunning(Conflict):
    code = "backfill_running"

    def __init__(self) -> None:
        super().__init__("The history of this wallet is being read already.")


class NotWatched(Conflict):
    code = "not_watched"

    def __init__(self) -> None:
        super().__init__("The wallet is not watched: watch it first, then ask for its history.")
