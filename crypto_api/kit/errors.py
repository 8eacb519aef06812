"""The one error tree. An edge turns a `CoreError` into a problem answer (RFC 9457); everything else is a fault and is loud.

CoreError
├── NotFound            404, the same for what is absent and for what is another organisation's
├── InvalidInput        422, names the fields
├── Conflict            409
├── PreconditionFailed  412
├── PermissionDenied    403
├── Unauthenticated     401
├── TooManyRequests     429, with `retry_after_s`
└── Unavailable         503, with `retry_after_s`
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldError:
    field: str
    message: str
    code: str


class CoreError(Exception):
    status: ClassVar[int] = 500
    code: str = "internal_error"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class NotFound(CoreError):
    status, code, title = 404, "not_found", "Not found"

    def __init__(self) -> None:
        # No argument on purpose: a foreign object and an absent one answer alike, byte for byte.
        super().__init__("There is no such object.")


class InvalidInput(CoreError):
    status, code, title = 422, "invalid_input", "Invalid input"

    def __init__(self, *errors: FieldError, detail: str = "Some fields are not valid.") -> None:
        super().__init__(detail)
        self.errors = errors

    @classmethod
    def of(cls, field: str, message: str, code: str = "invalid") -> "InvalidInput":
        return cls(FieldError(field, message, code))


class Conflict(CoreError):
    status, code, title = 409, "conflict", "Conflict"
    errors: Sequence[FieldError] | None = None  # where there is more than one reason


class PreconditionFailed(CoreError):
    status, code, title = 412, "precondition_failed", "Precondition failed"

    def __init__(self, detail: str = "It was changed since it was read.") -> None:
        super().__init__(detail)


class Unauthenticated(CoreError):
    status, code, title = 401, "unauthenticated", "Unauthenticated"


class PermissionDenied(CoreError):
    status, code, title = 403, "permission_denied", "Permission denied"


class TooManyRequests(CoreError):
    status, code, title = 429, "too_many_requests", "Too many requests"

    def __init__(self, detail: str, *, retry_after_s: int, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s


class Unavailable(CoreError):
    status, code, title = 503, "unavailable", "Temporarily unavailable"

    def __init__(self, detail: str, *, retry_after_s: int = 5, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s


class BoxBroken(Exception):
    """A sealed secret does not open: it was altered, belongs elsewhere, or was sealed under another SECRET_KEY. A fault, not an answer."""
