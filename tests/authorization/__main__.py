"""`python -m tests.authorization`: runs the whole matrix and tells its figures. `--missing` prints a draft of the cells that are not declared."""

import inspect
import os
import re
import sys
from typing import Any

import pytest

os.environ.setdefault("SECRET_KEY", "for tests only: " + "0123456789abcdef" * 3)
os.environ.setdefault("MASTER_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crypto_project.settings")


def missing() -> str:
    """A draft only: who may is for a person to decide, from the specification and not from the code."""
    from crypto_api.organizations.types import PERMISSIONS
    from tests.authorization import cells, product
    from tests.authorization.test_sets import ids_of

    rows = []
    for name, operation in product.operations().items():
        if name in cells.operations():
            continue
        everybody = operation.permission in (cells.OPEN, cells.SIGNED_IN)
        may = [role for role in cells.ROLES if everybody or operation.permission in PERMISSIONS[role]]
        rows += [f"[operations.{name}]", f'call = "{operation.method} {operation.path}"', f'needs = "{operation.permission}"']
        rows += [f'step_up = "{operation.approval}"'] if operation.approval else []
        rows += [f'may = "{" ".join(may)}"', f'may_not = "{" ".join(role for role in cells.ROLES if role not in may)}"']
        ids = [f'"{place}" = "{_guess(place)}"' for place in ids_of(operation)]
        rows += [f"ids = {{ {', '.join(ids)} }}"] if ids else []
        rows.append("")
    for name, (path, view) in product.pages().items():
        if name in cells.pages():
            continue
        permission = getattr(view, "permission", "open")
        needs = "signed-in" if permission is None else str(permission)
        may = [role for role in cells.ROLES if needs in ("open", "signed-in") or needs in PERMISSIONS[role]]
        rows += [f"[pages.{name}]", f'call = "ANY {path}"', f'needs = "{needs}"', f'may = "{" ".join(may)}"']
        approval = getattr(view, "approval", "")
        rows += [f'step_up = "{approval}"'] if approval else []
        rows += [f'may_not = "{" ".join(role for role in cells.ROLES if role not in may)}"', f'methods = "{_methods(view)}"']
        ids = [f'"path.{name}" = "{_guess(name)}"' for name in re.findall(r"{([a-z_]+)}", path)]
        rows += [f"ids = {{ {', '.join(ids)} }}"] if ids else []
        rows.append("")
    return "\n".join(rows)


def _methods(view: Any) -> str:
    source = inspect.getsource(inspect.unwrap(view))
    if "require_POST" in source or "only_post(" in source:
        return "POST"
    return "GET POST" if '"POST"' in source or "Form" in source else "GET"


def _guess(place: str) -> str:
    return place.rsplit(".", 1)[-1].removesuffix("[]").removesuffix("s").removesuffix("_id")


if __name__ == "__main__":
    if "--missing" in sys.argv:
        sys.stdout.write(missing())
    else:
        raise SystemExit(pytest.main(["tests/authorization", "-q", "-p", "no:xdist", *sys.argv[1:]]))
