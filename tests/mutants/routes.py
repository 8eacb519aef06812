"""Not a test by itself: run inside the copy, it writes down which test of the matrix asks for which function."""

import inspect
import json
import os
from pathlib import Path
from typing import Any

from tests.authorization import product


def _where(view: Any) -> tuple[str, str]:
    """File and name of what the decorators stand around."""
    inner = inspect.unwrap(view)
    return str(Path(inspect.getsourcefile(inner) or "").relative_to(Path.cwd())), inner.__name__


def test_routes() -> None:
    rows = [[*_where(view), [f"tests/authorization/test_operations.py::test_operation[{name}]"]] for name, view in product._views().items()]
    pages: dict[tuple[str, str], list[str]] = {}
    for name, (_, view) in product.pages().items():
        pages.setdefault(_where(view), []).append(f"tests/authorization/test_pages.py::test_page[{name}]")
    Path(os.environ["COFFER_ROUTES"]).write_text(json.dumps([*rows, *([*where, tests] for where, tests in pages.items())]))
