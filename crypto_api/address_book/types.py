"""Values of the slice."""

from enum import StrEnum


class PayeeState(StrEnum):
    UNVERIFIED = "unverified"  # somebody wrote it down
    VERIFIED = "verified"  # another person compared it with what the payee says; payable once it has cooled off
    REJECTED = "rejected"
    REMOVED = "removed"
