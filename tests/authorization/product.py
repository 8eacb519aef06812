"""What there really is: the operations of the schema, the paths that the URL resolver answers, the routes of the sockets, the pages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import django

django.setup()

from django.urls import URLPattern, URLResolver, get_resolver  # noqa: E402
from ninja.operation import PathView  # noqa: E402

from crypto_api.dashboard import urls as dashboard_urls  # noqa: E402
from crypto_api.http.api import api  # noqa: E402
from crypto_api.sockets.routing import URLS, unknown  # noqa: E402

_CONVERTER = re.compile(r"<(?:[a-z]+:)?([a-z_]+)>")
NOT_OPERATIONS = {"openapi-json", "openapi-view", "api-root"}  # the schema and its pages, which anybody may read


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    permission: str
    approval: str
    path_parameters: tuple[str, ...]
    query_parameters: tuple[str, ...]
    body: dict[str, Any] | None  # the schema of it, with every reference resolved
    query: dict[str, Any]  # name → schema
    body_required: bool = False


def schema() -> dict[str, Any]:
    return dict(api.get_openapi_schema(path_prefix="/api/"))


@lru_cache(maxsize=1)
def operations() -> dict[str, Operation]:
    """By operation id, from the schema."""
    described, views = schema(), _views()
    found = {}
    for path, methods in described["paths"].items():
        for method, details in methods.items():
            name, view = details["operationId"], views[details["operationId"]]
            parameters = details["parameters"]
            found[name] = Operation(
                name=name,
                method=method.upper(),
                path=path,
                permission=details["x-permission"].replace("_", "-") if details["x-permission"] == "signed_in" else details["x-permission"],
                approval=getattr(view, "approval", ""),
                path_parameters=tuple(row["name"] for row in parameters if row["in"] == "path"),
                query_parameters=tuple(row["name"] for row in parameters if row["in"] == "query"),
                body=_body(details, described),
                query={row["name"]: resolved(row["schema"], described) for row in parameters if row["in"] == "query"},
                body_required=bool(details.get("requestBody", {}).get("required", False)),
            )
    return found


def _views() -> dict[str, Any]:
    return {
        operation.view_func.__name__: operation.view_func
        for bound in api._get_bound_routers()
        for view in bound.path_operations.values()
        for operation in view.operations
    }


def _body(details: dict[str, Any], described: dict[str, Any]) -> dict[str, Any] | None:
    content = details.get("requestBody", {}).get("content", {}).get("application/json")
    return resolved(content["schema"], described) if content else None


def resolved(node: Any, described: dict[str, Any]) -> Any:
    """The schema with every `$ref` replaced by what it names."""
    if isinstance(node, list):
        return [resolved(part, described) for part in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        named = described["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]]
        return resolved(named, described) | {key: value for key, value in node.items() if key != "$ref"}
    return {key: resolved(value, described) for key, value in node.items()}


def api_paths() -> set[tuple[str, str]]:
    """(method, path) of every operation that the URL resolver leads to."""
    found = set()
    for path, pattern in _patterns(get_resolver().url_patterns, "/"):
        if path.startswith("/api/") and pattern.name not in NOT_OPERATIONS and pattern.callback is not None:
            path_view = _path_view(pattern.callback)
            if path_view is not None:
                found |= {(method, path) for operation in path_view.operations for method in operation.methods}
    return found


def unexplained_api_paths() -> set[str]:
    """Paths below /api/ that the resolver answers and that are neither operations, nor the schema, nor the answer for unknown paths."""
    return {
        path
        for path, pattern in _patterns(get_resolver().url_patterns, "/")
        if path.startswith("/api/") and pattern.name not in NOT_OPERATIONS and _path_view(pattern.callback) is None
    }


def _path_view(callback: Any) -> PathView | None:
    """Ninja's view of a path is a function around its PathView."""
    for cell in getattr(callback, "__closure__", None) or ():
        if isinstance(cell.cell_contents, PathView):
            return cell.cell_contents
    owner = getattr(callback, "__self__", None)
    return owner if isinstance(owner, PathView) else None


def _patterns(patterns: list[Any], before: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        path = before + _CONVERTER.sub(r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, path)
        else:
            yield path.replace("/^api/", "/api/*"), pattern


@lru_cache(maxsize=1)
def pages() -> dict[str, tuple[str, Any]]:
    """Name → path and view of every page and fragment; one without a name goes by its path."""
    found: dict[str, tuple[str, Any]] = {}
    for path, pattern in _patterns(dashboard_urls.urlpatterns, "/"):
        name = str(pattern.name or path.strip("/").replace("/", "-"))
        assert name not in found, f"two pages are called {name}"
        found[name] = (path, pattern.callback)
    return found


def consoles() -> dict[str, Any]:
    """Path → consumer class of every console that the socket routes lead to."""
    return {f"/{pattern.pattern}": pattern.callback.consumer_class for pattern in URLS if pattern.callback is not unknown}
