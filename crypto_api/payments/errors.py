"""Errors of the slice."""

from crypto_api.kit.errors import PermissionDenied
from crypto_api.kit.signing import SignerUnavailable as SignerUnavailable
from crypto_api.kit.signing import SigningRefused as SigningRefused


class OwnPayment(PermissionDenied):
    code = "own_payment"

    def __init__(self) -> None:
        super().__init__("Nobody approves what they prepared.")
