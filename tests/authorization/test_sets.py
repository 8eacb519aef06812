"""The schema, the URL resolver, the socket routes, the pages and the declared cells name the same things."""

import re
from typing import Any

from django.urls import resolve

from crypto_api.organizations.types import Role
from crypto_api.sockets.consumers import CONSOLES
from tests.authorization import cells, product
from tests.authorization.cells import COLUMNS, ROLES, STEP_UP_COLUMNS, Cells

ID_NAMES = ("id", "ids")
NO_OBJECT = {"tax_id"}  # a number that a country gave, and no row of ours


def test_every_operation_has_its_cells_and_every_cell_its_operation() -> None:
    assert {name: row.call for name, row in cells.operations().items()} == {
        name: f"{row.method} {row.path}" for name, row in product.operations().items()
    }


def test_the_resolver_leads_to_what_the_schema_describes() -> None:
    assert product.api_paths() == {(row.method, row.path) for row in product.operations().values()}
    assert product.unexplained_api_paths() == {"/api/*"}


def test_every_operation_is_reached_by_its_path() -> None:
    """The resolver takes the first path that fits: one with an id must not stand before a fixed one."""
    for name, row in product.operations().items():
        callback = resolve("/" + re.sub(r"{[a-z_]+}", "some-id", row.path).lstrip("/")).func
        path_view = product._path_view(callback)
        assert path_view is not None, name
        assert name in {operation.view_func.__name__ for operation in path_view.operations}, f"{row.path} leads elsewhere"


def test_every_console_has_its_cells() -> None:
    assert {row.path for row in cells.consoles().values()} == set(product.consoles())
    assert set(CONSOLES) == set(product.consoles().values())
    for row in cells.consoles().values():
        declared = product.consoles()[row.path].permission
        assert row.needs == (str(declared) if declared else "signed-in"), row.name


def test_every_page_has_its_cells() -> None:
    assert {name: row.path for name, row in cells.pages().items()} == {name: path for name, (path, _) in product.pages().items()}


def test_pages_need_what_is_declared() -> None:
    declared = {name: (row.needs, row.step_up) for name, row in cells.pages().items()}
    real = {}
    for name, (_, view) in product.pages().items():
        permission = getattr(view, "permission", cells.OPEN)
        real[name] = (cells.SIGNED_IN if permission is None else str(permission), str(getattr(view, "approval", "")))
    assert declared == real


def test_operations_need_what_is_declared() -> None:
    declared = {name: (row.needs, row.step_up) for name, row in cells.operations().items()}
    assert declared == {name: (row.permission, row.approval) for name, row in product.operations().items()}


def test_every_role_and_every_column_has_a_cell() -> None:
    assert tuple(role.value for role in Role) == cells.ROLES
    for part in (cells.operations(), cells.pages(), cells.consoles()):
        assert cells.faults(part) == []
    for row in cells.operations().values():
        for column in (*COLUMNS, *ROLES, *(STEP_UP_COLUMNS if row.step_up else ())):
            assert row.expected(column)


def test_every_id_in_path_query_and_body_is_declared() -> None:
    wrong = []
    for name, row in product.operations().items():
        wanted = set(ids_of(row))
        declared = set(cells.operations()[name].ids)
        wrong += [f"{name}: {place} is not declared" for place in sorted(wanted - declared)]
        wrong += [f"{name}: there is no {place}" for place in sorted(declared - wanted) if not place.startswith("body.")]
    assert wrong == []


def ids_of(operation: product.Operation) -> list[str]:
    """Where the operation takes ids, as the cells name it."""
    found = [f"path.{name}" for name in operation.path_parameters]
    found += [f"query.{name}" for name in operation.query_parameters if is_id(name)]
    return found + [f"body.{place}" for place in _ids_in(operation.body or {})]


def _ids_in(schema: dict[str, Any], before: str = "") -> list[str]:
    found = []
    for name, part in schema.get("properties", {}).items():
        if is_id(name):
            found.append(before + name + ("[]" if name.endswith("ids") else ""))
        found += _ids_in(part, f"{before}{name}.")
        found += _ids_in(part.get("items", {}), f"{before}{name}.0.")
    return found


def is_id(name: str) -> bool:
    return name.rsplit("_", 1)[-1] in ID_NAMES and name not in NO_OBJECT


def test_the_checks_see_what_is_missing() -> None:
    """Shown on planted rows."""
    lacking = Cells("x", "GET /x/", "signed-in", tuple(role for role in ROLES if role != "AUDITOR"), ())
    doubled = Cells("y", "GET /y/", "signed-in", ROLES, ("ADMIN",))
    assert cells.faults({"x": lacking, "y": doubled}) == ["x: AUDITOR has 0 cells", "y: ADMIN has 2 cells"]
    assert ids_of(product.Operation("z", "POST", "/z/", "open", "", ("a_id",), ("limit", "b_id"), {"properties": {"c_ids": {}, "d": {}}}, {})) == [
        "path.a_id",
        "query.b_id",
        "body.c_ids[]",
    ]
