"""Values of the slice."""

from enum import StrEnum

INSTALLATION = "installation"
"""The `org_id` of what happened outside every organisation: an account without one, the work of a PLATFORM_ADMIN."""


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
