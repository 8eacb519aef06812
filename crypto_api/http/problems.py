"""Problem answers (RFC 9457). One place where an error becomes bytes, so that equal errors are equal bytes."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import Field
from pymongo.errors import AutoReconnect, NetworkTimeout, PyMongoError, ServerSelectionTimeoutError, WaitQueueTimeoutError

from crypto_api.http.schemas.base import ReadSchema
from crypto_api.idempotency.errors import StillInProgress
from crypto_api.kit import log
from crypto_api.kit.errors import Conflict, CoreError, FieldError, InvalidInput, PermissionDenied, TooManyRequests, Unauthenticated, Unavailable
from crypto_api.kit.ethereum import ChainUnavailable

logger = log.get(__name__)

CONTENT_TYPE = "application/problem+json"
BROKEN_FORM = (MultiPartParserError, TooManyFieldsSent, TooManyFilesSent)
DATABASE_DOWN = (AutoReconnect, NetworkTimeout, ServerSelectionTimeoutError, WaitQueueTimeoutError)
RETRY_AFTER_S = 5


class ProblemField(ReadSchema):
    field: str
    message: str
    code: str


class Problem(ReadSchema):
    """Every error answer of the API."""

    type: str = Field(examples=["urn:coffer:problem:not_found"])
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[ProblemField] | None = Field(
        default=None, description="With 422: what is wrong with which field; with 409, where there are several: the reasons."
    )


def problem(
    request: HttpRequest,
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    errors: Sequence[FieldError] | None = None,
    retry_after_s: int | None = None,
) -> HttpResponse:
    body: dict[str, Any] = {
        "type": f"urn:coffer:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": getattr(request, "request_id", ""),
    }
    if errors is not None:
        body["errors"] = [{"field": error.field, "message": error.message, "code": error.code} for error in errors]
    response = HttpResponse(orjson.dumps(body), status=status, content_type=CONTENT_TYPE)
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="coffer"'
    if retry_after_s is not None:
        response["Retry-After"] = str(retry_after_s)
    return response


def of_status(request: HttpRequest, status: int, detail: str | None = None) -> HttpResponse:
    """For an answer that the framework gives of its own accord: 404, 405, 413 …"""
    phrase = HTTPStatus(status).phrase
    return problem(request, status, phrase.lower().replace(" ", "_").replace("-", "_"), phrase, detail or HTTPStatus(status).description or phrase)


def of_core_error(request: HttpRequest, error: CoreError) -> HttpResponse:
    errors = error.errors if isinstance(error, InvalidInput | Conflict) else None
    retry_after_s = error.retry_after_s if isinstance(error, Unavailable | TooManyRequests) else 1 if isinstance(error, StillInProgress) else None
    if isinstance(error, PermissionDenied | Unauthenticated | TooManyRequests):
        log.security.warning("refused", code=error.code, method=request.method, path=request.path)
    return problem(request, error.status, error.code, error.title, error.detail, errors=errors, retry_after_s=retry_after_s)


def _of_validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [FieldError(_field(row["loc"]), _message(row), _code(row["type"])) for row in error.errors]
    log.security.info("input_refused", method=request.method, path=request.path, codes=sorted({error.code for error in errors})[:10])
    return of_core_error(request, InvalidInput(*errors))


def _field(location: Sequence[str | int]) -> str:
    """`items.0.unit_price`, without where it stood (body, query) and the name of the parameter that takes the body."""
    parts = list(location)
    skipped = 2 if parts[:1] == ["body"] and len(parts) > 1 else 1
    return ".".join(str(part) for part in parts[skipped:]) or "body"


def _message(row: dict[str, Any]) -> str:
    return str(row["msg"]).removeprefix("Value error, ")


def _code(kind: str) -> str:
    return {"missing": "required", "extra_forbidden": "unknown_field", "value_error": "invalid"}.get(kind, kind)


def _of_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, CoreError):  # from our parser: ninja wraps whatever it raises
        return of_core_error(request, error.__cause__)
    if error.status_code == 400:
        return problem(request, 400, "invalid_json", "Bad request", "The body is not valid JSON.")
    return of_status(request, error.status_code)


def _of_broken_form(request: HttpRequest, _: Exception) -> HttpResponse:
    return problem(request, 400, "invalid_form", "Bad request", "The body is not a valid form of type multipart/form-data.")


def _of_missing_token(request: HttpRequest, _: AuthenticationError) -> HttpResponse:
    return of_core_error(request, Unauthenticated("Send an access token: Authorization: Bearer …"))


def _of_database(request: HttpRequest, error: PyMongoError) -> HttpResponse:
    """A conflict that lasted through every retry is passing trouble too; anything else is a defect."""
    return _of_database_down(request, error) if error.has_error_label("TransientTransactionError") else of_fault(request, error)


def _of_database_down(request: HttpRequest, error: PyMongoError) -> HttpResponse:
    logger.warning("the database does not answer", error=type(error).__name__, path=request.path)
    return of_core_error(request, Unavailable("The database does not answer.", retry_after_s=RETRY_AFTER_S, code="database_unavailable"))


def _of_chain_down(request: HttpRequest, error: ChainUnavailable) -> HttpResponse:
    logger.warning("no node answers", error=str(error), path=request.path)
    return of_core_error(request, Unavailable("No node of this network answers.", retry_after_s=RETRY_AFTER_S, code="chain_unavailable"))


def of_fault(request: HttpRequest, error: Exception) -> HttpResponse:
    """Anything that nobody foresaw: loud in the log, silent to the client."""
    logger.error("unexpected error", method=request.method, path=request.path, exc_info=error)
    return problem(request, 500, "internal_error", "Internal error", "Something went wrong here. The log has the details under this request id.")


HANDLERS: list[tuple[type[Exception], Callable[..., HttpResponse]]] = [
    (CoreError, of_core_error),
    (ValidationError, _of_validation),
    (HttpError, _of_http_error),
    (AuthenticationError, _of_missing_token),
    (ChainUnavailable, _of_chain_down),
    (PyMongoError, _of_database),
    *((broken, _of_broken_form) for broken in BROKEN_FORM),
    *((down, _of_database_down) for down in DATABASE_DOWN),
    (Exception, of_fault),
]


def install(api: NinjaAPI) -> None:
    """The nearest class in an error's ancestry decides."""
    for kind, handler in HANDLERS:
        api.add_exception_handler(kind, handler)
