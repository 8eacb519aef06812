"""The schema says of every operation what it is called, needs, answers and looks like; and every operation is closed unless it says so."""

from dataclasses import is_dataclass
from enum import Enum
from typing import Any, get_args, get_type_hints

import httpx
import pytest
from ninja import Router
from pydantic import BaseModel

from crypto_api.http import api as http_api
from crypto_api.http.permissions import OPEN, SIGNED_IN, requires
from crypto_api.organizations.types import Permission

OPEN_OPERATIONS = {
    "begin_passkey_login",
    "check_payslip_statement",
    "begin_wallet_login",
    "forgot_password",
    "get_health",
    "log_in",
    "log_in_by_passkey",
    "log_in_by_wallet",
    "refresh",
    "register",
    "resend_verification",
    "reset_forgotten_password",
    "verify_email",
    "verify_payslip",
}


async def test_the_schema_and_its_pages_are_served_under_the_policy(client: httpx.AsyncClient) -> None:
    schema = await client.get("/api/openapi.json")
    assert schema.status_code == 200
    assert schema.json()["openapi"].startswith("3.1")
    page = await client.get("/api/docs")
    assert page.status_code == 200
    assert "<script>" not in page.text  # the policy would block it
    for part in (word.split('"')[0] for word in page.text.split('="/static/')[1:]):
        assert (await client.get(f"/static/{part}")).status_code == 200, part


def test_the_schema_is_made_once() -> None:
    made = http_api.api.get_openapi_schema()
    assert http_api.api.get_openapi_schema(path_prefix="/api/") is made
    assert http_api.api.get_openapi_schema(path_prefix="/other/")["paths"].keys() != made["paths"].keys()


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = http_api.api.get_openapi_schema()["paths"]
    return [(method, path, details) for path, methods in paths.items() for method, details in methods.items()]


def test_every_operation_is_described() -> None:
    names = [details["operationId"] for _, _, details in operations()]
    assert len(names) == len(set(names))
    known = {permission.value for permission in Permission} | {OPEN, SIGNED_IN}
    for method, path, details in operations():
        where = f"{method} {path}"
        assert path.endswith("/"), where
        assert details["operationId"].islower(), where
        assert details["summary"], where
        assert details["tags"], where
        assert details["x-permission"] in known, where
        assert 503 in details["responses"], where
        closed = details["x-permission"] != OPEN
        assert closed == bool(details.get("security")), where
        assert (401 in details["responses"]) == (closed or method.lower() != "get"), where
        assert 404 in details["responses"] or "{" not in path, where
        if method in ("post", "put") and "requestBody" in details:
            assert {400, 413, 415, 422} <= details["responses"].keys(), where
        for status, answer in details["responses"].items():
            if status >= 400 and "application/problem+json" in answer.get("content", {}):
                assert answer["content"]["application/problem+json"]["example"]["status"] == status, where


def test_what_is_open_is_on_this_list() -> None:
    assert {details["operationId"] for _, _, details in operations() if details["x-permission"] == OPEN} == OPEN_OPERATIONS


def test_every_body_and_answer_has_an_example_and_bodies_take_nothing_unknown() -> None:
    schema = http_api.api.get_openapi_schema()
    for method, path, details in operations():
        bodies = [content["schema"] for content in details["requestBody"]["content"].values()] if "requestBody" in details else []
        answers = [
            answer["content"]["application/json"]["schema"]
            for status, answer in details["responses"].items()
            if status < 300 and answer.get("content")
        ]
        for each in bodies:
            for one in (part for part in each.get("anyOf", [each]) if part.get("type") != "null"):  # a body may be left out
                named = schema["components"]["schemas"][one["$ref"].rsplit("/", 1)[1]] if "$ref" in one else one
                assert named["additionalProperties"] is False, f"{method} {path}"
        for each in bodies + answers:
            assert has_example(each, schema["components"]["schemas"]), f"{method} {path}"


def test_every_schema_has_a_name_of_its_own() -> None:
    """Of two types of one name the schema would describe one, in the place of both."""
    named: dict[str, set[Any]] = {}
    for bound in http_api.api._get_bound_routers():
        for view in bound.path_operations.values():
            for operation in view.operations:
                for model in (*operation.models, *(answer for answer in operation.response_models.values() if isinstance(answer, type))):
                    for field in model.model_fields.values():
                        collect(field.annotation, named)
    assert len(named) > 100
    assert {name: kinds for name, kinds in named.items() if len(kinds) > 1} == {}


def collect(annotation: Any, named: dict[str, set[Any]]) -> None:
    for inner in get_args(annotation):
        collect(inner, named)
    if not isinstance(annotation, type) or not (issubclass(annotation, BaseModel | Enum) or is_dataclass(annotation)):
        return
    kinds = named.setdefault(annotation.__name__, set())
    if annotation not in kinds:
        kinds.add(annotation)
        fields = [field.annotation for field in annotation.model_fields.values()] if issubclass(annotation, BaseModel) else []
        for part in fields or (get_type_hints(annotation).values() if is_dataclass(annotation) else ()):
            collect(part, named)


def has_example(node: Any, schemas: dict[str, Any]) -> bool:
    if isinstance(node, list):
        return any(has_example(part, schemas) for part in node)
    if not isinstance(node, dict):
        return False
    if node.keys() & {"example", "examples"}:
        return True
    if "$ref" in node:
        return has_example(schemas[node["$ref"].rsplit("/", 1)[1]], schemas)
    return any(has_example(part, schemas) for part in node.values())


async def test_every_closed_operation_wants_a_token(client: httpx.AsyncClient) -> None:
    for method, path, details in operations():
        if details["x-permission"] != OPEN:
            filled = "/".join("x" if part.startswith("{") else part for part in path.split("/"))
            answer = await client.request(method, filled, json={})
            assert answer.status_code == 401, f"{method} {path}"


def test_an_operation_that_names_no_permission_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten, contradictory = Router(), Router()

    @forgotten.get("/forgotten/")
    async def forgotten_one(request: Any) -> None: ...

    @contradictory.get("/contradictory/", auth=None)
    @requires(Permission.WALLETS_READ)
    async def contradictory_one(request: Any) -> None: ...

    for router, message in ((forgotten, "names no permission"), (contradictory, "auth=None goes with")):
        monkeypatch.setattr(http_api, "ROUTERS", [router])
        with pytest.raises(RuntimeError, match=message):
            http_api.build_api()
