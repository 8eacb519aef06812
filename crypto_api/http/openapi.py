"""The API object, and its schema: what every operation has, so that none has to repeat it."""

from http import HTTPStatus
from typing import Any

from ninja import NinjaAPI
from ninja.errors import ValidationError, ValidationErrorContext
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from crypto_api.http.body import FORM
from crypto_api.http.permissions import OPEN, SAFE, SIGNED_IN
from crypto_api.http.problems import CONTENT_TYPE, Problem
from crypto_api.http.tags import TAGS

_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "The same key and body gives the first answer again.",
}
_IF_MATCH = {"in": "header", "name": "If-Match", "required": False, "schema": {"type": "string"}, "description": "The ETag that was read."}
_IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "required": False,
    "schema": {"type": "string"},
    "description": "The ETag that was read: 304 where it still holds.",
}


class CofferAPI(NinjaAPI):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._schemas: dict[str, CofferSchema] = {}  # by prefix: made when first asked for, which takes a second, and the same until the end

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return str(operation.view_func.__name__)

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None) -> "CofferSchema":
        """To be read only: everybody gets the same."""
        prefix = self.get_root_path(path_params or {}) if path_prefix is None else path_prefix
        if prefix not in self._schemas:
            self._schemas[prefix] = CofferSchema(self, prefix)
        return self._schemas[prefix]

    def validation_error_from_error_contexts(self, error_contexts: list[ValidationErrorContext[Any]]) -> ValidationError:
        """What a validator raised holds the frames that it came through, these hold the request and Pydantic's error, which holds it: a circle that
        the collector does not see, since Pydantic's error is not Python's. Without the traceback there is none, and no request stays for ever."""
        told = super().validation_error_from_error_contexts(error_contexts)
        for context in error_contexts:
            for row in context.pydantic_validation_error.errors(include_url=False, include_input=False):
                if isinstance(raised := row.get("ctx", {}).get("error"), BaseException):
                    raised.__traceback__ = None
        return told


class CofferSchema(OpenAPISchema):
    def __init__(self, api: NinjaAPI, path_prefix: str) -> None:
        super().__init__(api, path_prefix)
        self["components"]["schemas"]["Problem"] = self._problem()
        self["tags"] = [{"name": name, "description": about} for name, about in TAGS.items()]
        self._leave_out_what_nothing_names()

    def _leave_out_what_nothing_names(self) -> None:
        """Ninja describes each set of query fields as a schema too, beside the parameters that it becomes."""
        schemas, wanted = self["components"]["schemas"], set[str]()
        left: list[Any] = [self["paths"]]
        while left:
            node = left.pop()
            if isinstance(node, dict):
                name = str(node.get("$ref", "")).rpartition("/")[2]
                if name and name not in wanted:
                    wanted.add(name)
                    left.append(schemas[name])
                left += node.values()
            elif isinstance(node, list):
                left += node
        self["components"]["schemas"] = {name: schema for name, schema in schemas.items() if name in wanted}

    def _problem(self) -> dict[str, Any]:
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        self["components"]["schemas"] |= schema.pop("$defs", {})
        return schema

    def operation_details(self, operation: Operation) -> dict[str, Any]:
        details: dict[str, Any] = super().operation_details(operation)
        permission = str(getattr(operation.view_func, "permission"))  # noqa: B009  # set by the decorator
        details["x-permission"] = permission
        details.setdefault("security", [])  # an operation that is open says so
        for parameter in details["parameters"]:
            parameter.pop("examples", None)  # a list is what a schema has, and there it stands; a parameter would have named ones
        writes = operation.methods[0] not in SAFE
        if getattr(operation.view_func, "idempotent", False):
            details["parameters"].append(_IDEMPOTENCY_KEY)
        if operation.methods[0] in ("PUT", "DELETE"):
            details["parameters"].append(_IF_MATCH)
        if 304 in details["responses"]:
            details["parameters"].append(_IF_NONE_MATCH)
            details["responses"][304]["description"] = "Not Modified"
        for form in (content for kind, content in details.get("requestBody", {}).get("content", {}).items() if kind == FORM):
            form["schema"]["additionalProperties"] = False
        for status in self._errors(operation, permission, writes):
            details["responses"].setdefault(status, _problem_answer(status))
        return details

    def _errors(self, operation: Operation, permission: str, writes: bool) -> list[int]:
        """Whatever it may answer: a body or a query names things that may not be there (404), a write may be behind another (409, 412), and so may
        what is read of something (409); who logs in may show what is wrong (401), and whoever asks too often waits (429)."""
        has_body = any(model.__ninja_param_source__ in ("body", "file") for model in operation.models)
        has_values, of_something, is_open = bool(operation.models), "{" in operation.path, permission == OPEN
        found = {503: True, 401: not is_open or writes, 404: of_something or has_values or writes}
        found |= {403: writes or permission not in (OPEN, SIGNED_IN) or bool(getattr(operation.view_func, "approval", ""))}
        found |= {400: True, 413: has_body, 415: has_body, 422: has_values or writes}
        found |= {409: writes or of_something, 412: writes, 429: True}
        return sorted(status for status, applies in found.items() if applies)


_UNAVAILABLE = "Service Unavailable. `overloaded`: too many others are at work, nothing was done. Send the same again after `Retry-After`."

_RETRY_AFTER = {"description": "Come again in so many seconds.", "schema": {"type": "integer", "minimum": 1}}


def _problem_answer(status: int) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase
    code = phrase.lower().replace(" ", "_")
    example = {
        "type": f"urn:coffer:problem:{code}",
        "title": phrase,
        "status": status,
        "detail": HTTPStatus(status).description or phrase,
        "code": code,
        "request_id": "req_01k9x5r3v8",
    }
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        example |= {"code": "overloaded", "type": "urn:coffer:problem:overloaded", "detail": "More is asked of this server than it can do now."}
        return {"description": _UNAVAILABLE, "headers": {"Retry-After": _RETRY_AFTER}, "content": content}
    return {"description": phrase, "content": content}
