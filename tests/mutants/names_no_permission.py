"""Not a test by itself: run inside a copy whose operations lost their permission, it says which of them keep the API from starting."""

import importlib
import re
import sys
from typing import Any

import django
import pytest
from ninja import Router

django.setup()
_NAMED = re.compile(r"operation (\w+) names no permission")


def test_what_stops_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    """Each in turn: the one that stops it is let through the next time."""
    stopped: list[str] = []
    while True:
        try:
            importlib.import_module("crypto_api.http.api")
            break
        except RuntimeError as error:
            (name,) = _NAMED.findall(str(error))
            assert name not in stopped
            stopped.append(name)
            for operation in _operations(name):
                operation.view_func.permission = "signed_in"
    with capsys.disabled():
        print(*(f"@@{name}" for name in stopped))


def _operations(name: str) -> list[Any]:
    routers = [
        value
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("crypto_api.http.")
        for value in vars(module).values()
        if isinstance(value, Router)
    ]
    return [
        operation
        for router in routers
        for view in router.path_operations.values()
        for operation in view.operations
        if operation.view_func.__name__ == name
    ]
