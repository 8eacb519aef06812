"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class TaskNotRunning(Conflict):
    code = "task_not_running"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"Task {task_id} is not running.")


class TaskNotCancellable(Conflict):
    code = "task_not_cancellable"

    def __init__(self) -> None:
        super().__init__("It has ended, or it is work that is cancelled where it was ordered.")


class TaskNotRetriable(Conflict):
    code = "task_not_retriable"

    def __init__(self) -> None:
        super().__init__("Only a run of a schedule or a job of the queue that failed or was cancelled can be done again from here.")


class DeadLetterDone(Conflict):
    code = "dead_letter_done"

    def __init__(self) -> None:
        super().__init__("It was dealt with already.")


class ScheduleEssential(Conflict):
    code = "schedule_essential"

    def __init__(self) -> None:
        super().__init__("What people ordered waits for this schedule: it cannot be stopped.")


class RunAlreadyAsked(Conflict):
    code = "run_already_asked"

    def __init__(self) -> None:
        super().__init__("A run of this schedule was asked for and has not ended yet.")
