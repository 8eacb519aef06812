"""The expected cells, read from `cells.toml`: what is to be, said independently of the code that decides it."""

import tomllib
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from crypto_api.organizations.types import Role

FILE = Path(__file__).with_name("cells.toml")
OPEN, SIGNED_IN = "open", "signed-in"
PASS = "pass"
ROLES = tuple(role.value for role in Role)

STEP_UP_COLUMNS = ("step_up_absent", "step_up_stale", "step_up_other_purpose", "step_up_other_organization", "step_up_by_log_in")
COLUMNS = (
    "anonymous",
    "wrong_scheme",
    "malformed_token",
    "expired_token",
    "token_of_another_key",
    "wrong_audience",
    "refresh_token",
    "websocket_ticket",
    "dashboard_cookie",
    "ended_session",
    "expired_session",
    "suspended_user",
    "suspended_member",
    "suspended_organization",
    "second_factor_missing",
    "no_organization",
    "left_organization",
    "admin_elsewhere",
    "unknown_role",
    "role_without_permission",
    "role_with_only_this",
    "role_with_platform_permissions",
)
PAGE_COLUMNS = (
    "anonymous",
    "anonymous_fragment",
    "access_token",
    "without_csrf",
    "ended_session",
    "expired_session",
    "suspended_user",
    "suspended_member",
    "suspended_organization",
    "second_factor_missing",
    "no_organization",
    "left_organization",
    "admin_elsewhere",
    "unknown_role",
    "role_without_permission",
    "role_with_only_this",
    "role_with_platform_permissions",
)
CONSOLE_COLUMNS = (
    "no_ticket",
    "wrong_ticket",
    "used_ticket",
    "ticket_from_another_site",
    "access_token",
    "cookie",
    "cookie_of_nobody",
    "cookie_from_another_site",
    "cookie_without_origin",
    "ended_session",
    "expired_session",
    "suspended_user",
    "suspended_member",
    "suspended_organization",
    "second_factor_missing",
    "no_organization",
    "left_organization",
    "admin_elsewhere",
    "unknown_role",
    "role_without_permission",
    "role_with_only_this",
    "role_with_platform_permissions",
)
KNOWN = frozenset({*COLUMNS, *STEP_UP_COLUMNS, *PAGE_COLUMNS, *CONSOLE_COLUMNS, *ROLES})


@dataclass(frozen=True)
class Cells:
    """What one operation, page or console is expected to do. `may` and `may_not` together name every role."""

    name: str
    call: str  # "GET /api/wallets/{wallet_id}/"
    needs: str  # open, signed-in or a permission
    may: tuple[str, ...]
    may_not: tuple[str, ...]
    step_up: str = ""
    ids: dict[str, str] = field(default_factory=dict)  # "path.wallet_id" → kind of object; "-" where it is nobody's
    columns: dict[str, str] = field(default_factory=dict)  # where it differs from what its kind does
    foreign: dict[str, str] = field(default_factory=dict)  # of an id: what the foreign one answers, where that is not 404
    no_success: str = ""  # why it never answers 2xx here
    also: int = 0  # a status that, beside 2xx, says that they may: health tells of parts that are slow, and a full machine has some
    unaudited: str = ""  # why its success leaves no audit record
    methods: str = ""  # of a page
    post_needs: str = ""  # of a page that more may read than change
    post_may: str = ""
    lands: str = ""  # where a page leads on success, when that looks like being sent away
    personal: bool = False  # the request rests on the person who asks, not only on their organisation

    @property
    def method(self) -> str:
        return self.call.split(" ")[0]

    @property
    def path(self) -> str:
        return self.call.split(" ")[1]

    @property
    def kind(self) -> str:
        if self.needs in (OPEN, SIGNED_IN):
            return self.needs
        return "platform" if self.needs.startswith("platform.") else "permission"

    @property
    def changes_something(self) -> bool:
        return self.method not in ("GET", "HEAD")

    def by(self, method: str) -> "Cells":
        """The cells of a page for that method."""
        if method != "POST" or not self.post_needs:
            return self
        may = tuple(self.post_may.split())
        columns = {"role_with_only_this": "403"} | self.columns  # it may not even read the page
        return replace(self, needs=self.post_needs, may=may, may_not=tuple(role for role in ROLES if role not in may), columns=columns)

    def expected(self, column: str) -> str:
        """`pass`, or `401`, or `403`, or `403 its_code`."""
        if column in self.columns:
            return self.columns[column]
        if column in ROLES:
            return PASS if column in self.may else "403"
        table = raw()["columns"]
        if column in STEP_UP_COLUMNS:
            return str(table[f"step-up {self.step_up}"][column])
        return str(table[self.kind][column])

    def expected_of_page(self, column: str) -> str:
        """`pass`, `to /somewhere/`, or a status."""
        if column in self.columns:
            return self.columns[column]
        if column in self.may:
            return PASS
        table = raw()["columns"]["page step-up" if column in STEP_UP_COLUMNS else f"page {self.kind}"]
        return str(table[column] if column in table else table["role"])

    def expected_of_console(self, column: str) -> str:
        """`pass` or the code with which the socket is closed."""
        if column in self.columns:
            return self.columns[column]
        if column in self.may:
            return PASS
        table = raw()["columns"][f"console {self.kind}"]
        return str(table[column] if column in table else table["role"])


@lru_cache(maxsize=1)
def raw() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text())


@lru_cache(maxsize=4)
def _read(part: str) -> dict[str, Cells]:
    found = {}
    for name, row in raw().get(part, {}).items():
        values = dict(row) | {"may": tuple(row.get("may", "").split()), "may_not": tuple(row.get("may_not", "").split())}
        found[name] = Cells(name=name, **values)
    return found


def operations() -> dict[str, Cells]:
    return _read("operations")


def pages() -> dict[str, Cells]:
    return _read("pages")


def consoles() -> dict[str, Cells]:
    return _read("consoles")


def faults(part: dict[str, Cells]) -> list[str]:
    """What is wrong with the file itself: a role without a cell, or with two."""
    wrong = []
    for cells in part.values():
        named = [*cells.may, *cells.may_not]
        wrong += [f"{cells.name}: {role} has {named.count(role)} cells" for role in ROLES if named.count(role) != 1]
        wrong += [f"{cells.name}: there is no role {role}" for role in named if role not in ROLES]
        wrong += [f"{cells.name}: there is no column {column}" for column in cells.columns if column not in KNOWN]
        if cells.call.startswith("ANY ") and not cells.methods:
            wrong.append(f"{cells.name}: a page that is asked for by no method is not tried at all")
    return wrong
