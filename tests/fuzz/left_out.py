"""Which checks and failures of schemathesis are none here, each with its reason. Everything that is not named here is a finding."""

import re
from dataclasses import dataclass

CHECKS = {
    "object_level_authorization": "wants its own file of identities; tests/authorization swaps every id for a foreign one, in every role and column",
}
"""Checks that are not run."""

POSITIVE_STATUSES = ("2xx", "3xx", "401", "403", "404", "409", "412", "413", "415", "422", "429", "5xx")
"""Of a request that keeps to the schema. 422: a rule that no JSON Schema can say, such as a checksum, a calendar or a balance. 412: `If-Match`."""

NEGATIVE_STATUSES = ("400", "401", "403", "404", "405", "406", "409", "411", "412", "413", "414", "415", "422", "428", "431", "5xx")
"""5xx is never left out: `not_a_server_error` finds it in the same answer."""


@dataclass(frozen=True)
class NoFault:
    """A failure of a check that is not the product's. Every pattern that is set has to be found."""

    reason: str
    failure: str  # class of the failure
    operation: str = ""  # operation id
    message: str = ""
    status: int | None = None
    code: str = ""  # of the problem answer

    def means(self, failure: str, operation: str, message: str, status: int, body: str) -> bool:
        return (
            failure == self.failure
            and (not self.operation or re.fullmatch(self.operation, operation) is not None)
            and (not self.message or re.search(self.message, message) is not None)
            and self.status in (None, status)
            and (not self.code or f'"code":"{self.code}"' in body.replace('": "', '":"'))
        )


NO_FAULTS: tuple[NoFault, ...] = (
    NoFault(
        "an address with control characters or no UTF-8 is refused before anybody looks which parameter they are in",
        "RejectedPositiveData",
        status=400,
        code="invalid_query",
    ),
    NoFault("an address that is too long is refused before anybody looks whose it is", "UndefinedStatusCode", status=414, code="uri_too_long"),
    NoFault("an address that is too long is refused before anybody looks whose it is", "RejectedPositiveData", status=414, code="uri_too_long"),
)


def reason_of(failure: str, operation: str, message: str, status: int, body: str) -> str | None:
    return next((each.reason for each in NO_FAULTS if each.means(failure, operation, message, status, body)), None)
