"""Errors of the slice."""

from crypto_api.classification.types import RULES_MAX
from crypto_api.kit.errors import Conflict


class TooManyRules(Conflict):
    code = "too_many_rules"

    def __init__(self) -> None:
        super().__init__(f"The organisation has {RULES_MAX} rules already. Delete one that nobody needs any more.")
