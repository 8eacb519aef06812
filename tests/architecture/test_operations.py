"""Every HTTP operation says who may use it, what it is called, what goes in and out with examples, and how it fails."""

from typing import Any

import pytest

from crypto_api.organizations.types import Permission

# Reachable without a log-in: how one gets in, and whether the service is up.
OPEN_OPERATIONS = {
    "register", "verify_email", "log_in", "refresh", "get_health",
    "forgot_password", "reset_forgotten_password", "resend_verification",
    "begin_passkey_login", "log_in_by_passkey", "begin_wallet_login", "log_in_by_wallet",
    "verify_payslip", "check_payslip_statement",
}  # fmt: skip
OPEN, SIGNED_IN = "open", "signed_in"


def faults_of(schema: dict[str, Any]) -> list[str]:
    faults: list[str] = []
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            name = operation.get("operationId") or f"{method} {path}"
            faults += [f"{name}: {fault}" for fault in _faults_of_operation(operation, schema["components"]["schemas"])]
    return faults


def _faults_of_operation(operation: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    permission, name = operation.get("x-permission"), operation.get("operationId")
    faults = [f"no {part}" for part in ("operationId", "summary", "tags") if not operation.get(part)]
    if permission not in {OPEN, SIGNED_IN, *map(str, Permission)}:
        faults.append(f"x-permission is {permission}")
    if (permission == OPEN) != (name in OPEN_OPERATIONS):
        faults.append("is open and not on the list, or the other way round")
    answers = operation.get("responses", {})
    if not any(answer.get("content") for status, answer in answers.items() if int(status) >= 400):
        faults.append("says nothing of its errors")
    if permission != OPEN and "401" not in {str(status) for status in answers}:
        faults.append("no answer 401")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if body and not _has_example(body, schemas):
        faults.append("no example of its body")
    return faults


def _has_example(body: dict[str, Any], schemas: dict[str, Any]) -> bool:
    schema = body["schema"]
    schema = schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    if any(key in thing for thing in (body, schema) for key in ("example", "examples")):
        return True
    properties = schema.get("properties", {})
    fields = [properties[name] for name in schema.get("required") or properties]
    return bool(fields) and all(_shows(field) for field in fields)


def _shows(field: dict[str, Any]) -> bool:
    """A field shows what it takes by an example, or by a list or reference of what there is."""
    return any(key in field for key in ("example", "examples", "enum", "$ref", "anyOf", "items")) or field.get("type") == "boolean"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    import django

    django.setup()
    from crypto_api.http.api import api

    return dict(api.get_openapi_schema(path_prefix="/api/"))


def test_every_operation_is_described(schema: dict[str, Any]) -> None:
    assert faults_of(schema) == []


def test_operation_ids_are_unique(schema: dict[str, Any]) -> None:
    names = [operation["operationId"] for methods in schema["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names)) > 10


def test_the_check_finds_a_bad_operation() -> None:
    bad = {"operationId": "open_sesame", "x-permission": "open", "responses": {200: {}}, "requestBody": {"content": {"application/json": {
        "schema": {"properties": {"word": {"type": "string"}}, "required": ["word"]}}}}}  # fmt: skip
    assert faults_of({"paths": {"/sesame/": {"post": bad}}, "components": {"schemas": {}}}) == [
        "open_sesame: no summary",
        "open_sesame: no tags",
        "open_sesame: is open and not on the list, or the other way round",
        "open_sesame: says nothing of its errors",
        "open_sesame: no example of its body",
    ]
