"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class TaskNotRunning(Conflict):
    code = "task_not_running"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"Task {task_id} is not running.")
