"""Errors of the slice."""

from crypto_api.kit.errors import Conflict


class OverLimit(Conflict):
    """The policy refuses the payment; no approval helps, only another policy."""

    code = "over_limit"
