"""How the files of the whole suite are shared out among several processes: one file stays in one process, what takes longest begins first, and what
needs one and the same installation stays together.

By itself xdist would begin with the files of most tests, and end with one process that works alone through the few tests that take minutes.
"""

from collections.abc import Callable
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ONE_INSTALLATION = ("tests/e2e",)  # folders whose files share what is started once a session

SLOWEST = (
    "tests/e2e",
    "tests/authorization/test_pages.py",
    "tests/authorization/test_operations.py",
    "tests/http/test_hostile_input.py",
    "tests/demo/test_once.py",
    "tests/dashboard/test_organization_browser.py",
    "tests/dashboard/test_person_browser.py",
    "tests/sockets/test_faults.py",
    "tests/dashboard/test_treasury_browser.py",
    "tests/dashboard/test_console_pages.py",
    "tests/mutants/test_sample.py",
    "tests/dashboard/test_browser.py",
    "tests/receivables/test_matrix.py",
    "tests/flows/test_post_by_lots.py",
    "tests/http/test_payments.py",
    "tests/dashboard/test_invoice_pages.py",
    "tests/chaos/test_sockets.py",
    "tests/chaos/test_faults.py",
    "tests/chaos/test_payroll_crashes.py",
    "tests/http/test_generated_clients.py",
    "tests/shell/test_identity_commands.py",
)
"""By how long they take alone, the longest first. What is not named follows in its usual order: a wrong place costs seconds."""


def scope_of(nodeid: str) -> str:
    """What is not divided."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in ONE_INSTALLATION if file.startswith(f"{folder}/")), file)


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    rank = {scope: place for place, scope in enumerate(SLOWEST)}
    return sorted(items, key=lambda item: rank.get(scope_of(item.nodeid), len(rank)))


class ByFile(LoadScopeScheduling):
    def __init__(self, config: pytest.Config, log: Callable[..., Any] | None = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)  # type: ignore[arg-type]

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
